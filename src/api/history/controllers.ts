import type { Type } from '@nestjs/common';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Kind } from '../../domain/header';
import type { Scope } from '../../domain/scopes';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { ReadsOnly } from '../http/docs';
import type { ProblemCode } from '../http/problem';
import { objectId } from '../http/queries';
import { ObjectHistory } from './object-history';
import type { HistoryPage, HistoryQuery, SnapshotQuery, SnapshotView } from './schemas';
import { historyPage, historyQuery, snapshotQuery, snapshotView } from './schemas';

interface Resource {
  readonly kind: Kind;
  /** Below `/api/v1`. */
  readonly path: string;
  readonly tag: string;
  readonly missing: ProblemCode;
  readonly scope: Scope;
}

/** `/history` and `/snapshot` below an object: the same for every kind. */
function historyController({ kind, path, tag, missing, scope }: Resource): Type {
  @ApiTags(tag)
  @Controller(`api/v1/${path}`)
  class HistoryController {
    constructor(@Inject(ObjectHistory) private readonly past: ObjectHistory) {}

    @Get(':id/history')
    @ReadsOnly({
      scope,
      of: kind,
      summary: 'Every change in order: who, why, and what differs',
      answer: historyPage,
      consistency: 'read-your-writes',
      problems: [missing, 'record_incomplete'],
    })
    history(
      @Param('id', { schema: objectId }) id: string,
      @Query({ schema: historyQuery }) query: HistoryQuery,
      @Context() { caller }: RequestContext,
    ): Promise<HistoryPage> {
      return this.past.page({ kind, id }, query, caller);
    }

    @Get(':id/snapshot')
    @ReadsOnly({
      scope,
      of: kind,
      summary: 'The whole object at a revision, at a time, or after its event of a number',
      answer: snapshotView,
      consistency: 'read-your-writes',
      problems: [missing, 'snapshot_not_found', 'record_incomplete'],
    })
    snapshot(
      @Param('id', { schema: objectId }) id: string,
      @Query({ schema: snapshotQuery }) query: SnapshotQuery,
      @Context() { caller }: RequestContext,
    ): Promise<Answer<SnapshotView>> {
      return this.past.snapshot({ kind, id }, query, caller);
    }
  }
  // Operations are named after their controller.
  Object.defineProperty(HistoryController, 'name', { value: `${kind}HistoryController` });
  return HistoryController;
}

const resources: readonly Resource[] = [
  { kind: 'Instance', path: 'instances', tag: 'instances', missing: 'instance_not_found', scope: 'instances:read' },
  { kind: 'Worker', path: 'workers', tag: 'workers', missing: 'worker_not_found', scope: 'workers:read' },
  { kind: 'Definition', path: 'definitions', tag: 'definitions', missing: 'definition_not_found', scope: 'definitions:read' },
  { kind: 'WorkerTemplate', path: 'worker-templates', tag: 'worker templates', missing: 'template_not_found', scope: 'templates:read' },
  { kind: 'Org', path: 'orgs', tag: 'orgs', missing: 'org_not_found', scope: 'orgs:read' },
  { kind: 'Project', path: 'projects', tag: 'projects', missing: 'project_not_found', scope: 'projects:read' },
];

export const historyControllers = resources.map(historyController);
