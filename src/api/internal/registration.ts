import { Inject, Injectable } from '@nestjs/common';
import { canonicalJson } from '../../domain/canonical-json';
import { admissionAttemptsMax, agentHeartbeatIntervalMs, agentLeaseTtlMs, leaseRenewTimeoutMs } from '../../domain/limits';
import type { HeartbeatRequest, RegisterRequest, RegisterResponse, WorkerObservation } from '../../domain/plan';
import { isoTime } from '../../domain/status';
import type { WorkerLease } from '../../domain/worker';
import { unchanged } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import { unavailable } from '../http/problem-of';

/** The lease says by its id whose heartbeats may keep it: an older agent of the same worker must register again. */
type LeaseValue = WorkerLease & { readonly leaseId: string };

/** What agents say of themselves and of their hosts. */
@Injectable()
export class AgentRegistration {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Records the host first: who sees the worker online also sees where it is. */
  async register(worker: WorkerEntries, request: RegisterRequest): Promise<RegisterResponse> {
    const { leases, nudge } = this.dependencies;
    await this.observeHost(worker, () => request);
    const leaseId = await leases.grant(agentLeaseTtlMs);
    // It belongs to one life of the agent, so a new one replaces it, whichever version of the server wrote the former.
    const lease: LeaseValue = { schemaVersion: 1, registeredAt: isoTime(Date.now()), leaseId };
    await leases.put(keys.workerLease(worker.id), lease, leaseId, false);
    nudge('Worker', worker.id);
    const { from, to } = worker.spec.value.portRange;
    return { leaseId, leaseTtlMs: agentLeaseTtlMs, heartbeatIntervalMs: agentHeartbeatIntervalMs, portRange: { from, to } };
  }

  /** Renews the lease; throws `lease_lost` when it is gone, or another agent's. */
  async heartbeat(worker: WorkerEntries, { leaseId }: HeartbeatRequest): Promise<void> {
    const { etcd } = this.dependencies;
    const isPresent = (entry: { readonly value: unknown } | undefined) => (entry?.value as LeaseValue | undefined)?.leaseId === leaseId;
    const held = isPresent(worker.lease) || isPresent(await etcd.get(keys.workerLease(worker.id)));
    if (held && (await this.renew(leaseId))) return;
    throw new ApiProblem('lease_lost', 'the lease has run out, or was given to another agent of this worker');
  }

  /** Errors of etcd's streams do not say that they are etcd's. */
  private async renew(leaseId: string): Promise<boolean> {
    try {
      return await this.dependencies.leases.renew(leaseId, leaseRenewTimeoutMs);
    } catch (cause) {
      throw unavailable('etcd', cause);
    }
  }

  /** Records what others hold on the host; an agent that has not registered has no host to speak of yet. */
  async observePorts(worker: WorkerEntries, hostPorts: readonly number[]): Promise<void> {
    await this.observeHost(worker, (former) => former && { ...former, hostPorts });
  }

  private async observeHost(
    worker: WorkerEntries,
    observe: (former: WorkerObservation | undefined) => Omit<WorkerObservation, 'schemaVersion' | 'observedAt'> | undefined,
  ): Promise<void> {
    const { committer, fresh } = this.dependencies;
    let entries = worker;
    for (let attempt = 1; attempt <= admissionAttemptsMax; attempt++) {
      const { id, status, observed } = entries;
      const seen = observe(observed?.value);
      if (seen === undefined || (observed && saysTheSame(seen, observed.value))) return;
      const { hostname, agentVersion, address, hostPorts } = seen;
      const value: WorkerObservation = { schemaVersion: 1, hostname, agentVersion, address, hostPorts, observedAt: isoTime(Date.now()) };
      const outcome = await committer.commit({
        id: `workers/${id}/${observed?.revision ?? 0}/observed`,
        // The status too: what a worker's end has taken away must not come back.
        compares: [unchanged(keys.workerObserved(id), observed), unchanged(keys.workerStatus(id), status)],
        puts: [{ key: keys.workerObserved(id), value }],
        deletes: [],
        events: [],
      });
      if (outcome.kind === 'done') return;
      entries = await fresh.worker(id);
    }
    throw new ApiProblem('conflict', 'the worker kept changing; say it again');
  }
}

function saysTheSame(seen: Omit<WorkerObservation, 'schemaVersion' | 'observedAt'>, known: WorkerObservation): boolean {
  const facts = ({ hostname, agentVersion, address, hostPorts }: typeof seen) => canonicalJson({ hostname, agentVersion, address, hostPorts });
  return facts(seen) === facts(known);
}
