import type { Logger } from 'pino';
import type { Allocation } from '../domain/instance';
import type { InstanceChange } from '../domain/instance-changes';
import { queued, scheduled } from '../domain/instance-changes';
import type { Placement as Place } from '../domain/placement';
import { place } from '../domain/placement';
import type { EtcdClient } from '../stores/etcd/client';
import type { CommitOutcome, Compare } from '../stores/etcd/commit';
import type { Committer } from '../stores/etcd/committer';
import { instanceDecision } from '../stores/etcd/lifecycle-decisions';
import type { CachedObjects, InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import { viewOf } from '../stores/etcd/views';
import type { Clock } from './clock';
import type { Fleet } from './fleet';
import { requestOf } from './fleet';
import { logCommitted } from './step-log';
import { afterCommit } from './views';
import { presentWorkflowRun } from './workflow-run';

/** How often a placement is planned anew because workers changed under it, before the lifecycle looks again. */
const placementAttemptsMax = 8;
/** How long the cache may take to reach a revision that etcd has already told of. */
const catchUpTimeoutMs = 2_000;

export type ScheduleOutcome = { readonly kind: 'committed'; readonly entries: InstanceEntries } | { readonly kind: 'look again' };

export interface PlacementDependencies {
  readonly client: EtcdClient;
  readonly cached: CachedObjects;
  readonly committer: Committer;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Plans on the cache, commits optimistically, and plans anew where somebody else was faster. */
export class Placement {
  constructor(private readonly dependencies: PlacementDependencies) {}

  /** The fast path: places an instance at once, or puts it into the queue. */
  async schedule(entries: InstanceEntries): Promise<ScheduleOutcome> {
    await this.dependencies.cached.cache.waitForRevision(entries.status.revision, catchUpTimeoutMs);
    for (let attempt = 1; attempt <= placementAttemptsMax; attempt++) {
      if (this.dependencies.fleet.hasOlderWaiting(entries)) return this.queue(entries, 'older requests wait for the same workers');
      const planned = place(requestOf(entries), this.dependencies.fleet.workers());
      if ('refused' in planned) {
        // What a cache refuses may have been possible for a while: only the newest state says no.
        if (await this.catchUp()) continue;
        return this.queue(entries, planned.message);
      }
      const committed = await this.commitPlace(entries, planned);
      if (committed !== 'plan anew') return committed;
      await this.catchUp();
    }
    return { kind: 'look again' };
  }

  /**
   * Commits a planned place. `fence` is the leader's, when the scheduler decides on the lifecycle's behalf.
   * Answers `plan anew` when the worker no longer is what the plan was made on.
   */
  async commitPlace(entries: InstanceEntries, planned: Place, fence?: Compare): Promise<ScheduleOutcome | 'plan anew'> {
    const worker = this.dependencies.cached.worker(planned.workerId);
    if (!worker) return 'plan anew';
    const moment = { nowMs: this.dependencies.clock.nowMs(), operationId: '' };
    const change = scheduled(viewOf(entries), this.allocation(entries, planned, moment.nowMs), moment);
    const decision = instanceDecision(entries, change, {
      step: 'schedule',
      outcome: `place.${worker.id}.${worker.spec.revision}`,
      actor: fence ? 'scheduler' : 'lifecycle',
      workflowRun: presentWorkflowRun(),
      worker,
      ...(fence && { fence }),
    });
    const outcome = await this.dependencies.committer.commit(decision);
    if (outcome.kind === 'refused' || changedOnly(outcome, worker)) return 'plan anew';
    return this.outcomeOf(entries, change, decision.puts[0]!.value as InstanceEntries['status']['value'], outcome);
  }

  private async queue(entries: InstanceEntries, message: string): Promise<ScheduleOutcome> {
    const change = queued(viewOf(entries), message, { nowMs: this.dependencies.clock.nowMs(), operationId: '' });
    const decision = instanceDecision(entries, change, { step: 'schedule', outcome: 'queue', actor: 'lifecycle', workflowRun: presentWorkflowRun() });
    const outcome = await this.dependencies.committer.commit(decision);
    return this.outcomeOf(entries, change, decision.puts[0]!.value as InstanceEntries['status']['value'], outcome);
  }

  private outcomeOf(entries: InstanceEntries, change: InstanceChange, status: InstanceEntries['status']['value'], outcome: CommitOutcome): ScheduleOutcome {
    if (outcome.kind !== 'done' || outcome.repeated) return { kind: 'look again' };
    const step = { kind: 'Instance', id: entries.id, step: 'schedule', cause: entries.spec.value.cause } as const;
    logCommitted(this.dependencies.log, step, { outcome: change.allocate ? `place on ${change.allocate.workerId}` : 'queue', phase: status.phase, revision: outcome.revision });
    return { kind: 'committed', entries: afterCommit(entries, status, change, outcome.revision) };
  }

  /** Brings the cache to the newest revision; true when that taught it something. */
  private async catchUp(): Promise<boolean> {
    const { client, cached } = this.dependencies;
    const before = cached.cache.revision;
    const newest = await client.revision();
    if (newest <= before) return false;
    await cached.cache.waitForRevision(newest, catchUpTimeoutMs);
    return true;
  }

  private allocation(entries: InstanceEntries, planned: Place, nowMs: number): Allocation {
    return {
      schemaVersion: 1,
      allocationId: this.dependencies.clock.mintId('a'),
      workerId: planned.workerId,
      ports: planned.ports,
      resources: entries.spec.value.resources,
      allocatedAt: new Date(nowMs).toISOString(),
    };
  }
}

/** Whether it was the worker that changed and not the instance: then another plan may do. */
function changedOnly(outcome: CommitOutcome, worker: WorkerEntries): boolean {
  return outcome.kind === 'changed' && outcome.keys.every((key) => key.startsWith(`workers/${worker.id}/`));
}
