import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { upcast } from '../../domain/event-types';
import type { CloudEvent } from '../../domain/events';
import { toCloudEvent } from '../../domain/events';
import { administrationListMax, projectionBehindAfterMs } from '../../domain/limits';
import { LogFold } from '../../domain/log-fold';
import { problemAt } from '../../domain/problem';
import { rebuiltDifferences } from '../../domain/rebuilt-differences';
import { leaderOf } from '../../stores/etcd/leaders';
import type { LiveState } from '../../stores/etcd/live-state';
import { readLiveState } from '../../stores/etcd/live-state';
import { eventsOf, outboxOf } from '../../stores/etcd/outbox';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { oneOf, section } from '../documents/schema';
import { ApiProblem } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { objectId } from '../http/queries';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

/** What can be made anew from the log. The record is the log itself. */
export const rebuildable = oneOf(['live']);

export const rebuildQuery = section({
  subject: objectId.optional().meta({ description: 'Only this object; everything by default.' }),
  dryRun: oneOf(['true', 'false']).optional().meta({ enum: ['true'], description: 'Only true: the live store is what decisions are made on, and is never overwritten.' }),
});
export type RebuildQuery = z.output<typeof rebuildQuery>;

export const projectionsView = z
  .object({
    items: z.array(
      z.object({
        name: z.string(),
        state: z
          .enum(['current', 'catching_up', 'behind', 'unattended'])
          .meta({ description: 'current: nothing waits; behind: the oldest waits for too long; unattended: something waits and nobody leads.' }),
        checkpoint: z.string().meta({ description: 'Everything before this revision is in it.' }),
        lagEvents: z.int(),
        lagMs: z.int().meta({ description: 'Age of the oldest event that waits.' }),
      }),
    ),
    revision: z.string(),
  })
  .meta({ id: 'Projections' });
export type ProjectionsDocument = DeepReadonly<z.output<typeof projectionsView>>;

export const rebuildView = z
  .object({
    compared: z.int().meta({ description: 'Live objects that were compared field by field.' }),
    events: z.int(),
    differences: z
      .array(z.object({ kind: z.string(), id: z.string(), path: z.string(), live: z.unknown().optional(), rebuilt: z.unknown().optional() }))
      .meta({ description: 'An empty path is the whole object; what is absent on one side is left out.' }),
    differencesTotal: z.int().meta({ description: 'Of which the first are listed.' }),
    gaps: z.array(z.object({ subject: z.string(), after: z.int(), before: z.int() })).meta({ description: 'Where the log lacks events; these objects are not compared.' }),
    revision: z.string().meta({ description: 'At which both were taken.' }),
  })
  .meta({ id: 'Rebuild' });
export type RebuildDocument = DeepReadonly<z.output<typeof rebuildView>>;

/** What follows from events: how far it is, and whether it is what the log says. */
@Injectable()
export class Projections {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async list(query: ReadQuery): Promise<ProjectionsDocument> {
    const revision = Math.max(await this.reads.upTo(query), await this.reads.upToPresent());
    const led = (await leaderOf(this.dependencies.etcd, 'controller')) !== undefined;
    return { items: [this.record(revision, led)], revision: String(revision) };
  }

  async rebuild({ subject, dryRun }: RebuildQuery): Promise<RebuildDocument> {
    if (dryRun === 'false') throw neverOverwritten();
    const live = await readLiveState(this.dependencies.etcd);
    const { fold, events } = await this.replay(live, subject);
    const objects = subject === undefined ? live.objects : live.objects.filter(({ id }) => id === subject);
    if (objects.length === 0 && subject !== undefined && events === 0) throw new ApiProblem('not_found', `there is no object ${subject}, and nothing in the log about one`);
    const gaps = fold.gaps();
    // What lacks an event differs in all that came after it; the gap is what there is to know.
    const incomplete = new Set(gaps.map((gap) => gap.subject));
    const differences = rebuiltDifferences(objects, fold.states, subject === undefined).filter(({ id }) => !incomplete.has(id));
    return {
      compared: objects.length,
      events,
      differences: differences.slice(0, administrationListMax).map((difference) => ({ ...difference })),
      differencesTotal: differences.length,
      gaps: gaps.slice(0, administrationListMax),
      revision: String(live.revision),
    };
  }

  /** Folds the record and what is still in the outbox, as they were at the revision of the live state. */
  private async replay(live: LiveState, subject: string | undefined): Promise<{ readonly fold: LogFold; readonly events: number }> {
    const fold = new LogFold();
    const seen = { waiting: new Set<string>(), events: 0 };
    const take = (event: CloudEvent) => {
      if ((subject !== undefined && event.subject !== subject) || isLater(event, live)) return;
      seen.events += 1;
      fold.add(event);
    };
    for (const event of live.waiting.map((recorded) => upcast(toCloudEvent(recorded)))) {
      seen.waiting.add(event.id);
      take(event);
    }
    for await (const event of this.dependencies.auditEvents.scan(subject)) if (!seen.waiting.has(event.id)) take(event);
    return { fold, events: seen.events };
  }

  /** Trimming is the checkpoint: what is in the outbox is not recorded for certain, what is not, is. */
  private record(revision: number, led: boolean): ProjectionsDocument['items'][number] {
    const waiting = outboxOf(this.dependencies.cache);
    const [oldest] = waiting;
    if (!oldest) return { name: 'record', state: 'current', checkpoint: String(revision), lagEvents: 0, lagMs: 0 };
    const events = waiting.flatMap(eventsOf);
    const lagMs = Math.max(0, Date.now() - Date.parse(events[0]!.time));
    const state = !led ? 'unattended' : lagMs >= projectionBehindAfterMs ? 'behind' : 'catching_up';
    return { name: 'record', state, checkpoint: String(oldest.revision), lagEvents: events.length, lagMs };
  }
}

function isLater(event: CloudEvent, { epoch, revision }: LiveState): boolean {
  return event.epoch > epoch || (event.epoch === epoch && Number(event.revision) > revision);
}

function neverOverwritten(): ApiProblem {
  const problem = problemAt(['dryRun'], 'true', 'false');
  const detail = 'the live store is compared with the log and never overwritten by it; what differs is for a person to judge, and ledgers are mended by POST /api/v1/admin/invariants/repair';
  return new ApiProblem('invalid_request', detail, { errors: [problem] });
}
