import { Inject, Injectable } from '@nestjs/common';
import { canonicalJson } from '../../domain/canonical-json';
import { nextForInstance } from '../../domain/instance-next';
import { admissionAttemptsMax, minRevisionTimeoutMsDefault } from '../../domain/limits';
import type { Observation, ObservationsRequest, ObservationsResponse } from '../../domain/plan';
import { compareRevisions } from '../../domain/revisions';
import { unchanged } from '../../stores/etcd/decisions';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import type { InstanceEntries, WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

type Received = ObservationsRequest['observations'][number];
type Verdict = ObservationsResponse['results'][number]['result'];

/** Records what agents saw of the allocations that are theirs. */
@Injectable()
export class Observations {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** One verdict per observation, in order; those of one instance are recorded one after the other. */
  async record(worker: WorkerEntries, observations: readonly Received[]): Promise<ObservationsResponse> {
    const before = new Map<string, Promise<unknown>>();
    const results = observations.map((observation) => {
      const former = before.get(observation.instanceId) ?? Promise.resolve();
      const verdict = former.then(() => this.recordOne(worker.id, observation));
      before.set(observation.instanceId, verdict);
      return verdict.then((result) => ({ allocationId: observation.allocationId, result }));
    });
    // One that cannot be recorded keeps none of the others back.
    await Promise.allSettled(results);
    return { results: await Promise.all(results) };
  }

  /** Decides on the cache, since the commit compares what it saw; only "no longer yours" is never said from memory. */
  private async recordOne(workerId: string, received: Received): Promise<Verdict> {
    const { instanceId, ...seen } = received;
    const observation: Observation = { schemaVersion: 1, workerId, ...seen };
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const certain = attempt > 1;
      const entries = certain ? await this.present(instanceId) : this.dependencies.cached.instance(instanceId);
      if (!entries || !isAllocatedTo(entries, workerId, received.allocationId)) {
        if (certain) return 'superseded';
        continue;
      }
      if (entries.observed && !isNews(observation, entries.observed.value)) return 'recorded';
      const outcome = await this.dependencies.committer.commit({
        id: `instances/${instanceId}/${entries.observed?.revision ?? 0}/observed`,
        compares: [
          unchanged(keys.instanceAllocation(instanceId), entries.allocation),
          unchanged(keys.instanceObserved(instanceId), entries.observed),
        ],
        puts: [{ key: keys.instanceObserved(instanceId), value: observation }],
        deletes: [],
        events: [],
      });
      if (outcome.kind === 'done') {
        void this.nudgeIfDue(instanceId, outcome.revision);
        return 'recorded';
      }
    }
    throw new ApiProblem('conflict', `instance ${instanceId} kept changing; say it again`);
  }

  private async present(instanceId: string): Promise<InstanceEntries | undefined> {
    try {
      return await this.dependencies.fresh.instance(instanceId);
    } catch (error) {
      if (error instanceof ObjectNotFoundError) return undefined;
      throw error;
    }
  }

  /**
   * A step in flight watches for its observation itself; a nudge for it would only cost a workflow task. Judged once
   * the cache shows everything up to the observation, or the end of that step could be missed.
   */
  private async nudgeIfDue(instanceId: string, revision: number): Promise<void> {
    const { cache, cached, nudge } = this.dependencies;
    const caughtUp = await cache.waitForRevision(revision, minRevisionTimeoutMsDefault);
    const entries = cached.instance(instanceId);
    if (!caughtUp) return nudge('Instance', instanceId);
    if (entries && isDue(entries)) nudge('Instance', instanceId);
  }
}

function isAllocatedTo({ allocation }: InstanceEntries, workerId: string, allocationId: string): boolean {
  return allocation?.value.allocationId === allocationId && allocation.value.workerId === workerId;
}

function isDue({ spec, status, allocation, observed }: InstanceEntries): boolean {
  const { operation } = status.value;
  if (operation !== undefined && operation.state !== 'backoff') return false;
  const view = {
    spec: spec.value,
    status: status.value,
    ...(allocation && { allocation: allocation.value }),
    ...(observed && { observed: observed.value }),
  };
  return nextForInstance(view, Date.now()).kind === 'run';
}

/** Within one attempt states only go forward. */
const order: Readonly<Record<Observation['state'], number>> = { starting: 0, running: 1, failed: 2, exited: 2, stopped: 3, absent: 4 };

/** Whether an observation says more than what is recorded; one that was overtaken on its way says nothing. */
export function isNews(next: Observation, known: Observation): boolean {
  if (next.allocationId !== known.allocationId) return true;
  if (next.attempt !== known.attempt) return next.attempt > known.attempt;
  if (next.state !== known.state) return order[next.state] > order[known.state];
  if (compareRevisions(next.planRevision, known.planRevision) < 0) return false;
  return canonicalJson({ ...next, observedAt: '' }) !== canonicalJson({ ...known, observedAt: '' });
}
