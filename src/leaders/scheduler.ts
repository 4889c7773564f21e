import type { Fleet } from '../activities/fleet';
import { requestOf } from '../activities/fleet';
import type { Placement } from '../activities/placement';
import { placeAll } from '../domain/placement';
import type { Term } from '../stores/etcd/leadership';
import type { WatchCache } from '../stores/etcd/watch-cache';
import { untilChange } from './until-change';

export interface SchedulerDependencies {
  readonly cache: WatchCache;
  readonly fleet: Fleet;
  readonly placement: Placement;
  readonly nudge: (kind: 'Instance', id: string) => void;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/** Even when nothing seems to have changed, the queue is planned anew this often. */
const resyncIntervalMs = 5_000;

/**
 * The scheduler leader: plans the pending queue in order whenever something changes, commits each allocation under
 * its fence, and nudges only what it placed.
 */
export async function leadScheduling(dependencies: SchedulerDependencies, term: Term): Promise<void> {
  const { cache } = dependencies;
  while (!term.signal.aborted) {
    await planQueue(dependencies, term);
    await untilChange(cache, (key) => key.startsWith('workers/') || key.startsWith('instances/'), resyncIntervalMs, term.signal);
  }
}

async function planQueue({ fleet, placement, nudge, onProblem }: SchedulerDependencies, term: Term): Promise<void> {
  const queue = fleet.queue();
  if (queue.length === 0) return;
  const { assignments } = placeAll(queue.map(requestOf), fleet.workers());
  const entriesById = new Map(queue.map((entries) => [entries.id, entries]));
  // Together, so that assignments to one worker fold into one transaction.
  await Promise.all(
    assignments.map(async (assignment) => {
      if (term.signal.aborted) return;
      const { instanceId } = assignment;
      try {
        const outcome = await placement.commitPlace(entriesById.get(instanceId)!, assignment, term.fence);
        if (outcome !== 'plan anew' && outcome.kind === 'committed') nudge('Instance', instanceId);
      } catch (cause) {
        // What keeps one from being placed, such as a value of a newer program, keeps nobody else waiting.
        onProblem(`instance ${instanceId} could not be placed, it stays in the queue`, cause);
      }
    }),
  );
}
