import type { Type } from '@nestjs/common';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { LifecycleKind } from '../../domain/answer';
import type { HistoryQuery } from '../history/schemas';
import { historyQuery } from '../history/schemas';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { ReadsOnly } from '../http/docs';
import type { ProblemCode } from '../http/problem';
import { objectId } from '../http/queries';
import type { TimelinePage } from './schemas';
import { timelinePage } from './schemas';
import { Timeline } from './timeline';

interface Resource {
  readonly kind: LifecycleKind;
  /** Below `/api/v1`, and the tag. */
  readonly path: string;
  readonly missing: ProblemCode;
}

/** `/timeline` below an object that has a lifecycle. */
function timelineController({ kind, path, missing }: Resource): Type {
  @ApiTags(path)
  @Controller(`api/v1/${path}`)
  class TimelineController {
    constructor(@Inject(Timeline) private readonly timeline: Timeline) {}

    @Get(':id/timeline')
    @ReadsOnly({
      scope: kind === 'Instance' ? 'instances:read' : 'workers:read',
      of: kind,
      summary: "Its changes, and each attempt of its lifecycle's runs with its process and error",
      description: 'Joins the record with what the engine remembers, also of runs that the engine has dropped since.',
      answer: timelinePage,
      consistency: 'read-your-writes',
      problems: [missing, 'record_incomplete'],
    })
    page(
      @Param('id', { schema: objectId }) id: string,
      @Query({ schema: historyQuery }) query: HistoryQuery,
      @Context() { caller }: RequestContext,
    ): Promise<TimelinePage> {
      return this.timeline.page({ kind, id }, query, caller);
    }
  }
  // Operations are named after their controller.
  Object.defineProperty(TimelineController, 'name', { value: `${kind}TimelineController` });
  return TimelineController;
}

export const timelineControllers = [
  timelineController({ kind: 'Instance', path: 'instances', missing: 'instance_not_found' }),
  timelineController({ kind: 'Worker', path: 'workers', missing: 'worker_not_found' }),
];
