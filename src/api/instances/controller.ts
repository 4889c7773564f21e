import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { InstanceVerb } from '../../domain/admission';
import { belongingProblems } from '../belonging';
import type { RollbackRequest } from '../history/schemas';
import { rollbackRequest } from '../history/schemas';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ProblemCode } from '../http/problem';
import { objectId } from '../http/queries';
import { InstanceActs } from './act-on-instance';
import { InstanceChanges } from './change-instance';
import { InstanceCreation } from './create-instance';
import type { EventPage, EventsQuery } from './events';
import { eventPage, Events, eventsQuery } from './events';
import { Instances } from './instances';
import type {
  ChangedInstanceDocument,
  ChangeInstanceQuery,
  CreateInstance,
  GetInstanceQuery,
  InstanceDocument,
  InstanceWaitQuery,
  ListInstancesQuery,
  PatchInstance,
} from './schemas';
import {
  changedInstanceView,
  changeInstanceQuery,
  createInstance,
  getInstanceQuery,
  instancePage,
  instanceView,
  instanceWaitQuery,
  listInstancesQuery,
  patchInstance,
} from './schemas';

const waitProblems: readonly ProblemCode[] = ['wait_impossible', 'wait_timeout'];
const actProblems: readonly ProblemCode[] = ['instance_not_found', 'invalid_transition', ...waitProblems];
const changeProblems: readonly ProblemCode[] = ['instance_not_found', 'invalid_transition', 'command_pending', ...waitProblems];

/** `/api/v1/instances`: running copies of definition versions. */
@ApiTags('instances')
@Controller('api/v1/instances')
export class InstancesController {
  constructor(
    @Inject(Instances) private readonly instances: Instances,
    @Inject(InstanceCreation) private readonly creation: InstanceCreation,
    @Inject(InstanceActs) private readonly acts: InstanceActs,
    @Inject(InstanceChanges) private readonly changes: InstanceChanges,
    @Inject(Events) private readonly history: Events,
  ) {}

  @Post()
  @Mutates({
    scope: 'instances:write',
    summary: 'Ask for an instance of a definition',
    status: 201,
    answer: instanceView,
    newWork: true,
    problems: ['definition_not_found', 'definition_not_active', 'unplaceable', ...belongingProblems, 'quota_exceeded', ...waitProblems],
  })
  async create(
    @Body({ schema: createInstance }) request: CreateInstance,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.instances.answer(await this.creation.create(request, context), query, context);
  }

  @Get()
  @ReadsOnly({ scope: 'instances:read', summary: 'List instances, oldest first', answer: instancePage, consistency: 'eventual' })
  list(@Query({ schema: listInstancesQuery }) query: ListInstancesQuery, @Context() context: RequestContext): Promise<Page<InstanceDocument>> {
    return this.instances.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({
    scope: 'instances:read',
    of: 'Instance',
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
  @ReadsOnly({ scope: 'instances:read', of: 'Instance', summary: 'Everything that happened to it, in order', answer: eventPage, consistency: 'read-your-writes', problems: ['instance_not_found'] })
  events(@Param('id', { schema: objectId }) id: string, @Query({ schema: eventsQuery }) query: EventsQuery): Promise<EventPage> {
    return this.history.ofInstance(id, query);
  }

  @Patch(':id')
  @ApiConsumes('application/merge-patch+json', 'application/json')
  @Mutates({
    scope: 'instances:write',
    of: 'Instance',
    summary: 'Change what may be changed of it (JSON merge patch), or see what that would change',
    status: 200,
    answer: changedInstanceView,
    ifMatch: true,
    takesBody: true,
    problems: changeProblems,
  })
  async patch(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: patchInstance }) patch: PatchInstance,
    @Query({ schema: changeInstanceQuery }) query: ChangeInstanceQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedInstanceDocument>> {
    return this.instances.answerChange(await this.changes.patch(id, patch, query.dryRun ?? false, context), query, context);
  }

  @Post(':id/rollback')
  @Mutates({
    scope: 'instances:write',
    of: 'Instance',
    summary: 'Change what may be changed of it back to what it was at a revision, or see what that would change',
    status: 200,
    answer: changedInstanceView,
    ifMatch: true,
    takesBody: true,
    problems: ['snapshot_not_found', 'record_incomplete', ...changeProblems],
  })
  async rollback(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: rollbackRequest }) request: RollbackRequest,
    @Query({ schema: changeInstanceQuery }) query: ChangeInstanceQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedInstanceDocument>> {
    return this.instances.answerChange(await this.changes.rollback(id, request, query.dryRun ?? false, context), query, context);
  }

  @Post(':id/start')
  @Mutates({ scope: 'instances:write', of: 'Instance', summary: 'Start it again', status: 202, answer: instanceView, ifMatch: true, newWork: true, problems: ['command_pending', ...actProblems] })
  start(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('start', id, query, context);
  }

  @Post(':id/stop')
  @Mutates({ scope: 'instances:write', of: 'Instance', summary: 'Stop it; its place, ports and directory stay', status: 202, answer: instanceView, ifMatch: true, problems: actProblems })
  stop(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('stop', id, query, context);
  }

  @Post(':id/retry')
  @Mutates({ scope: 'instances:write', of: 'Instance', summary: 'Place and start anew what FAILED', status: 202, answer: instanceView, ifMatch: true, newWork: true, problems: ['command_pending', ...actProblems] })
  retry(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: instanceWaitQuery }) query: InstanceWaitQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<InstanceDocument>> {
    return this.act('retry', id, query, context);
  }

  @Delete(':id')
  @Mutates({ scope: 'instances:write', of: 'Instance', summary: 'Terminate it: stop, remove and give everything back', status: 202, answer: instanceView, ifMatch: true, problems: actProblems })
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
