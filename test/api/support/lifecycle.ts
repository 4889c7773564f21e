import { randomBytes } from 'node:crypto';
import type { Allocation } from '../../../src/domain/instance';
import type { InstanceChange, Moment } from '../../../src/domain/instance-changes';
import { acknowledged, begin, complete, fail, finished, queued, scheduled } from '../../../src/domain/instance-changes';
import type { HostStep } from '../../../src/domain/instance-steps';
import type { ObservedFailure } from '../../../src/domain/plan';
import { beginProvision, destroyed, provisioned, provisionFailed, undone, workerFinished } from '../../../src/domain/worker-changes';
import { sha256Hex } from '../../../src/hash';
import type { CommitOutcome } from '../../../src/stores/etcd/commit';
import { instanceDecision, workerDecision } from '../../../src/stores/etcd/lifecycle-decisions';
import type { InstanceEntries, WorkerEntries } from '../../../src/stores/etcd/objects';
import type { TestApi } from './test-api';

/** Moves objects as their lifecycles would, by the same decisions, whenever a test says so. */
export class Lifecycle {
  private commits = 0;

  constructor(private readonly api: TestApi) {}

  /** A worker that is RUNNING, and the token of its agent. */
  async provision(workerId: string, options: { readonly online?: boolean } = {}): Promise<string> {
    const token = await this.beginProvision(workerId);
    await this.changeWorker(workerId, (entries) => provisioned(viewOfWorker(entries), {}, moment()));
    if (options.online ?? true) await this.goOnline(workerId);
    return token;
  }

  /** A worker that is being provisioned, and the token of its agent. */
  async beginProvision(workerId: string): Promise<string> {
    const token = randomBytes(16).toString('hex');
    const claim = { externalId: 'host-1', agentTokenHash: sha256Hex(token) };
    await this.changeWorker(workerId, (entries) => beginProvision(viewOfWorker(entries), claim, moment()));
    return token;
  }

  async failProvision(workerId: string): Promise<void> {
    const failure: ObservedFailure = { class: 'configuration', reason: 'NoSuchProvider', message: 'there is no such provider' };
    await this.beginProvision(workerId);
    await this.changeWorker(workerId, (entries) => provisionFailed(viewOfWorker(entries), failure, moment()));
  }

  /** From PENDING to FAILED. */
  async giveUpWorker(workerId: string): Promise<void> {
    await this.failProvision(workerId);
    await this.changeWorker(workerId, (entries) => undone(viewOfWorker(entries), moment()));
  }

  async endWorker(workerId: string): Promise<void> {
    await this.changeWorker(workerId, (entries) => (entries.capacity ? destroyed : workerFinished)(viewOfWorker(entries), moment()));
  }

  /** As if its agent had registered; the lease lasts longer than any test. */
  async goOnline(workerId: string): Promise<void> {
    const { leases } = this.api.dependencies;
    const leaseId = await leases.grant(600_000);
    await leases.put(`workers/${workerId}/lease`, { schemaVersion: 1, registeredAt: new Date().toISOString(), leaseId }, leaseId, false);
  }

  /** SCHEDULED on a worker, with these ports. Answers the allocation's id. */
  async place(instanceId: string, workerId: string, ports: Readonly<Record<string, number>>): Promise<string> {
    const worker = await this.api.dependencies.fresh.worker(workerId);
    const allocationId = `a-${randomBytes(6).toString('hex')}`;
    await this.change(
      instanceId,
      (entries) => {
        const { resources } = entries.spec.value;
        const allocation: Allocation = { schemaVersion: 1, allocationId, workerId, ports, resources, allocatedAt: new Date().toISOString() };
        return scheduled(viewOf(entries), allocation, moment());
      },
      worker,
    );
    return allocationId;
  }

  begin(instanceId: string, step: Exclude<HostStep, 'undo'>, workloadHash = 'f'.repeat(64)): Promise<number> {
    return this.change(instanceId, (entries) => begin(step, viewOf(entries), moment()), undefined, workloadHash);
  }

  complete(instanceId: string, step: HostStep): Promise<number> {
    return this.change(instanceId, (entries) => complete(step, viewOf(entries), moment()));
  }

  fail(instanceId: string, step: HostStep, failure: ObservedFailure): Promise<number> {
    return this.change(instanceId, (entries) => fail(step, viewOf(entries), failure, moment()));
  }

  queue(instanceId: string): Promise<number> {
    return this.change(instanceId, (entries) => queued(viewOf(entries), 'no worker has room', moment()));
  }

  acknowledge(instanceId: string): Promise<number> {
    return this.change(instanceId, (entries) => acknowledged(viewOf(entries), moment()));
  }

  finish(instanceId: string): Promise<number> {
    return this.change(instanceId, (entries) => finished(viewOf(entries), moment()));
  }

  /** From PENDING to RUNNING. Answers the allocation's id. */
  async run(instanceId: string, workerId: string, ports: Readonly<Record<string, number>>, workloadHash?: string): Promise<string> {
    const allocationId = await this.place(instanceId, workerId, ports);
    await this.begin(instanceId, 'start', workloadHash);
    await this.complete(instanceId, 'start');
    return allocationId;
  }

  /** From SCHEDULED to FAILED. */
  async giveUp(instanceId: string, message = 'the port is taken'): Promise<void> {
    await this.begin(instanceId, 'start');
    await this.fail(instanceId, 'start', { class: 'configuration', reason: 'PortTaken', message });
    await this.complete(instanceId, 'undo');
  }

  private async change(
    instanceId: string,
    decide: (entries: InstanceEntries) => InstanceChange,
    worker?: WorkerEntries,
    workloadHash?: string,
  ): Promise<number> {
    const { fresh, committer } = this.api.dependencies;
    const entries = await fresh.instance(instanceId);
    const commit = { step: 'test', outcome: `${++this.commits}`, actor: 'lifecycle', ...(worker && { worker }), ...(workloadHash !== undefined && { workloadHash }) };
    return done(await committer.commit(instanceDecision(entries, decide(entries), commit)));
  }

  private async changeWorker(workerId: string, decide: (entries: WorkerEntries) => Parameters<typeof workerDecision>[1]): Promise<number> {
    const { fresh, committer } = this.api.dependencies;
    const entries = await fresh.worker(workerId);
    const commit = { step: 'test', outcome: `${++this.commits}`, actor: 'lifecycle' };
    return done(await committer.commit(workerDecision(entries, decide(entries), commit)));
  }
}

function done(outcome: CommitOutcome): number {
  if (outcome.kind !== 'done') throw new Error(`not committed: ${JSON.stringify(outcome)}`);
  return outcome.revision;
}

function moment(): Moment {
  return { nowMs: Date.now(), operationId: `op-${randomBytes(4).toString('hex')}` };
}

function viewOf({ spec, status, allocation, observed }: InstanceEntries) {
  return {
    spec: spec.value,
    status: status.value,
    ...(allocation && { allocation: allocation.value }),
    ...(observed && { observed: observed.value }),
  };
}

function viewOfWorker({ spec, status, capacity, ports, observed, lease }: WorkerEntries) {
  return {
    spec: spec.value,
    status: status.value,
    ...(capacity && { capacity: capacity.value }),
    ...(ports && { ports: ports.value }),
    ...(observed && { observed: observed.value }),
    online: lease !== undefined,
  };
}
