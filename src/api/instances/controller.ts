import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { InstanceVerb } from '../../domain/admission';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ProblemCode } from '../http/problem';
import { objectId } from '../http/queries';
import { InstanceActs } from './act-on-instance';
import { InstanceCreation } from './create-instance';
import type { EventPage, EventsQuery } from './events';
import { eventPage, Events, eventsQuery } from './events';
import { Instances } from './instances';
import type { CreateInstance, GetInstanceQuery, InstanceDocument, InstanceWaitQuery, ListInstancesQuery } from './schemas';
import { createInstance, getInstanceQuery, instancePage, instanceView, instanceWaitQuery, listInstancesQuery } from './schemas';

const waitProblems: readonly ProblemCode[] = ['wait_impossible', 'wait_timeout'];
const actProblems: readonly ProblemCode[] = ['instance_not_found', 'invalid_transition', ...waitProblems];

/** `/api/v1/instances`: running copies of definition versions. */
@ApiTags('instances')
@Controller('api/v1/instances')
export class InstancesController {
  constructor(
    @Inject(Instances) private readonly instances: Instances,
    @Inject(InstanceCreation) private readonly creation: InstanceCreation,
    @Inject(InstanceActs) private readonly acts: InstanceActs,
    @Inject(Events) private readonly history: Events,
  ) {}

  @Post()
  @Mutates({
    summary: 'Ask for an instance of a definition',
    status: 201,
    answer: instanceView,
    newWork: true,
    problems: ['definition_not_found', 'definition_not_active', 'unplaceable', ...waitProblems],
  })
  async create(
    @Body({ schema: createInstance }) request: CreateInstance,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.instances.answer(await this.creation.create(request, context), query, context);
  }

  @Get()
  @ReadsOnly({ summary: 'List instances, oldest first', answer: instancePage, consistency: 'eventual' })
  list(@Query({ schema: listInstancesQuery }) query: ListInstancesQuery): Promise<Page<InstanceDocument>> {
    return this.instances.list(query);
  }

  @Get(':id')
  @ReadsOnly({
    summary: 'Show an instance, at once or when it has come to a phase',
    answer: instanceView,
    consistency: 'read-your-writes',
    problems: ['instance_not_found', ...waitProblems],
  })
  get(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: getInstanceQuery }) query: GetInstanceQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.instances.get(id, query, context);
  }

  @Get(':id/events')
  @ReadsOnly({ summary: 'Everything that happened to it, in order', answer: eventPage, consistency: 'read-your-writes', problems: ['instance_not_found'] })
  events(@Param('id', { schema: objectId }) id: string, @Query({ schema: eventsQuery }) query: EventsQuery): Promise<EventPage> {
    return this.history.ofInstance(id, query);
  }

  @Post(':id/start')
  @Mutates({ summary: 'Start it again', status: 202, answer: instanceView, ifMatch: true, newWork: true, problems: ['command_pending', ...actProblems] })
  start(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('start', id, query, context);
  }

  @Post(':id/stop')
  @Mutates({ summary: 'Stop it; its place, ports and directory stay', status: 202, answer: instanceView, ifMatch: true, problems: actProblems })
  stop(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('stop', id, query, context);
  }

  @Post(':id/retry')
  @Mutates({ summary: 'Place and start anew what FAILED', status: 202, answer: instanceView, ifMatch: true, newWork: true, problems: ['command_pending', ...actProblems] })
  retry(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('retry', id, query, context);
  }

  @Delete(':id')
  @Mutates({ summary: 'Terminate it: stop, remove and give everything back', status: 202, answer: instanceView, ifMatch: true, problems: actProblems })
  terminate(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('terminate', id, query, context);
  }

  private async act(verb: InstanceVerb, id: string, query: InstanceWaitQuery, context: RequestContext): Promise<Answer<InstanceDocument>> {
    return this.instances.answer(await this.acts.act(verb, id, context), query, context);
  }
}
