import { Inject, Injectable } from '@nestjs/common';
import type { ObjectReference } from '../../domain/answer';
import type { Caller } from '../../domain/principal';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ObjectHistory } from '../history/object-history';
import type { HistoryQuery } from '../history/schemas';
import { joinTimeline } from './join';
import type { TimelinePage } from './schemas';

/** What became of an object, and what its lifecycle tried for that, in one answer. */
@Injectable()
export class Timeline {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(ObjectHistory) private readonly history: ObjectHistory,
  ) {}

  /** Pages as the history does; what the engine did is on the page of the changes around it. */
  async page(object: ObjectReference, query: HistoryQuery, caller: Caller): Promise<TimelinePage> {
    const { items, nextAfterSequence, revision } = await this.history.page(object, query, caller);
    const { runs, complete } = await this.dependencies.runsOf(object);
    const isFirst = (query.afterSequence ?? 0) === 0;
    // Past the last change is past everything: what the engine did after it was on the page of that change.
    if (!isFirst && items.length === 0) return { items: [], engineAnswered: complete, revision };
    // A page reaches up to the first change of the next one, of which only the last change of this one is known.
    const stretch = { from: isFirst ? undefined : items[0]?.time, before: nextAfterSequence === undefined ? undefined : await this.timeAfter(object, nextAfterSequence, caller) };
    return {
      items: joinTimeline(items, runs, stretch),
      engineAnswered: complete,
      revision,
      ...(nextAfterSequence !== undefined && { nextAfterSequence }),
    };
  }

  private async timeAfter(object: ObjectReference, afterSequence: number, caller: Caller): Promise<string | undefined> {
    const { items } = await this.history.page(object, { afterSequence, limit: 1 }, caller);
    return items[0]?.time;
  }
}
