import { Controller, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Operates, ReadsOnly } from '../http/docs';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import type { EventsQuery } from '../instances/events';
import { eventsQuery } from '../instances/events';
import type { EventLogDocument } from './event-log';
import { ObjectLog, eventLogView } from './event-log';
import type { InvariantsDocument, RepairDocument, RepairQuery } from './invariants';
import { Invariants, invariantsView, repairQuery, repairView } from './invariants';
import type { LifecycleObjectKind, ObjectKind } from './kinds';
import { lifecycleKind, objectKind } from './kinds';
import type { LeadersDocument } from './leaders';
import { Leaders, leadersView } from './leaders';
import type { ProjectionsDocument, RebuildDocument, RebuildQuery } from './projections';
import { Projections, projectionsView, rebuildable, rebuildQuery, rebuildView } from './projections';
import type { NudgedDocument, StuckList } from './stuck';
import { nudgedView, Stuck, stuckList } from './stuck';

/** `/api/v1/admin`: what operators look at and mend, but for the store itself. */
@ApiTags('administration')
@Controller('api/v1/admin')
export class AdminController {
  constructor(
    @Inject(ObjectLog) private readonly log: ObjectLog,
    @Inject(Projections) private readonly projected: Projections,
    @Inject(Leaders) private readonly offices: Leaders,
    @Inject(Invariants) private readonly ledger: Invariants,
    @Inject(Stuck) private readonly stuck: Stuck,
  ) {}

  @Get('objects/:kind/:id/events')
  @ReadsOnly({
    scope: 'log:read',
    summary: 'The log of one object: what is recorded, what waits, and what is missing',
    answer: eventLogView,
    consistency: 'read-your-writes',
    problems: ['instance_not_found', 'worker_not_found', 'definition_not_found', 'template_not_found'],
  })
  events(
    @Param('kind', { schema: objectKind }) kind: ObjectKind,
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: eventsQuery }) query: EventsQuery,
  ): Promise<EventLogDocument> {
    return this.log.of(kind, id, query);
  }

  @Get('projections')
  @ReadsOnly({ scope: 'log:read', summary: 'How far the record is behind', answer: projectionsView, consistency: 'read-your-writes' })
  projections(@Query({ schema: readQuery }) query: ReadQuery): Promise<ProjectionsDocument> {
    return this.projected.list(query);
  }

  @Post('projections/:name/rebuild')
  @Operates({
    scope: 'projections:rebuild',
    summary: 'Make every object anew from the log and compare it with the live one',
    description: 'Reads the whole log, so it takes its time; nothing is written.',
    answer: rebuildView,
    problems: ['not_found'],
  })
  rebuild(@Param('name', { schema: rebuildable }) _name: string, @Query({ schema: rebuildQuery }) query: RebuildQuery): Promise<RebuildDocument> {
    return this.projected.rebuild(query);
  }

  @Get('leaders')
  @ReadsOnly({ scope: 'leaders:read', summary: 'Who leads, since when, with which fencing token', answer: leadersView, consistency: 'read-your-writes' })
  leaders(@Query({ schema: readQuery }) query: ReadQuery): Promise<LeadersDocument> {
    return this.offices.show(query);
  }

  @Get('invariants')
  @ReadsOnly({ scope: 'ledger:read', summary: 'Prove the ledger against the allocations, and the quotas against what is held', answer: invariantsView, consistency: 'read-your-writes' })
  invariants(@Query({ schema: readQuery }) query: ReadQuery): Promise<InvariantsDocument> {
    return this.ledger.check(query);
  }

  @Post('invariants/repair')
  @Operates({
    scope: 'ledger:repair',
    summary: 'Write anew what of ledger and quotas follows from what is allocated and held',
    description: 'Only says what it would do unless dryRun is false. Allocations are never touched; each repair of a worker’s ledger is one of its events.',
    answer: repairView,
    problems: ['commit_uncertain', 'newer_version', 'store_full'],
  })
  repair(@Query({ schema: repairQuery }) query: RepairQuery, @Context() context: RequestContext): Promise<RepairDocument> {
    return this.ledger.repair(query, context);
  }

  @Get('stuck')
  @ReadsOnly({ scope: 'ledger:read', summary: 'What does not go on by itself, and what to do about it', answer: stuckList, consistency: 'eventual' })
  listStuck(@Query({ schema: readQuery }) query: ReadQuery): Promise<StuckList> {
    return this.stuck.list(query);
  }

  @Post('stuck/:kind/:id/nudge')
  @Operates({ scope: 'lifecycles:nudge', summary: 'Have an object’s lifecycle look again', answer: nudgedView, problems: ['instance_not_found', 'worker_not_found'] })
  nudge(
    @Param('kind', { schema: lifecycleKind }) kind: LifecycleObjectKind,
    @Param('id', { schema: objectId }) id: string,
    @Context() context: RequestContext,
  ): Promise<NudgedDocument> {
    return this.stuck.nudge(kind, id, context);
  }

  @Post('nudge-all')
  @Operates({ scope: 'lifecycles:nudge', summary: 'Have the lifecycle of everything that is stuck look again', answer: nudgedView, problems: ['projection_timeout'] })
  nudgeAll(@Context() context: RequestContext): Promise<NudgedDocument> {
    return this.stuck.nudgeAll(context);
  }
}
