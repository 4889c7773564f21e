import { viewOf, workerViewOf } from '../../src/stores/etcd/views';
import type { InstanceVerb } from '../../src/domain/admission';
import { actOnInstance } from '../../src/domain/admission';
import type { Allocation, InstanceView } from '../../src/domain/instance';
import type { InstanceChange } from '../../src/domain/instance-changes';
import { acknowledged, begin, complete, crashed, fail, finished, retried, scheduled } from '../../src/domain/instance-changes';
import { nextForInstance } from '../../src/domain/instance-next';
import type { HostStep, InstanceStep } from '../../src/domain/instance-steps';
import { hostSteps, isHostStep, isInFlight, settleHostStep } from '../../src/domain/instance-steps';
import { chargeOfInstance } from '../../src/domain/quota';
import { beginProvision, provisioned } from '../../src/domain/worker-changes';
import type { EtcdClient } from '../../src/stores/etcd/client';
import type { Decision } from '../../src/stores/etcd/commit';
import { Committer } from '../../src/stores/etcd/committer';
import { createDecision, instanceSpecDecision, ownDecision, unchanged } from '../../src/stores/etcd/decisions';
import { keys } from '../../src/stores/etcd/keys';
import { instanceDecision, workerDecision } from '../../src/stores/etcd/lifecycle-decisions';
import type { InstanceEntries } from '../../src/stores/etcd/objects';
import { FreshObjects } from '../../src/stores/etcd/objects';
import { charging } from '../../src/stores/etcd/quota-changes';
import { asking, newInstance, newWorker, observationOf, startMs } from './domain-objects';

const verbs: readonly InstanceVerb[] = ['start', 'stop', 'retry', 'terminate'];
const labelSets: ReadonlyArray<Readonly<Record<string, string>>> = [{}, { zone: 'a' }, { zone: 'b', 'team.example/name': 'x.y$z' }];

export interface RandomWriterOptions {
  readonly client: EtcdClient;
  /** Tells its objects from those of other writers. */
  readonly name: string;
  /** From 0 to 1, exclusive: everything that the writer does follows from it. */
  readonly random: () => number;
  /** Workers that are there (see `makeWorker`); writers that share one meet at its ledger. */
  readonly workerIds: readonly string[];
  readonly epoch?: number;
  /** As many instances are alive at a time. */
  readonly aliveMax?: number;
}

/** A worker, RUNNING, with room for everybody. */
export async function makeWorker(client: EtcdClient, id: string, epoch = 1): Promise<void> {
  const committer = new Committer(client, () => epoch);
  const fresh = new FreshObjects(client);
  const moment = { nowMs: startMs, operationId: `op-${id}` };
  const { spec, status } = newWorker(id);
  await committer.commit(createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.worker.created' }));
  const created = await fresh.worker(id);
  const claim = { externalId: `host-${id}`, agentTokenHash: 'hash' };
  await committer.commit(workerDecision(created, beginProvision(workerViewOf(created), claim, moment), { step: 'provision', outcome: 'begin', actor: 'lifecycle' }));
  const begun = await fresh.worker(id);
  await committer.commit(workerDecision(begun, provisioned(workerViewOf(begun), {}, moment), { step: 'provision', outcome: 'complete', actor: 'lifecycle' }));
}

/**
 * Makes random changes that could all have happened: users create and ask, lifecycles take the step that is due, hosts
 * obey, fail or crash. Each change is one commit through the one door to etcd, with its events; nothing else runs.
 */
export class RandomWriter {
  readonly committer: Committer;
  private readonly fresh: FreshObjects;
  private readonly alive: string[] = [];
  private minted = 0;
  private nowMs = startMs;

  constructor(private readonly options: RandomWriterOptions) {
    this.committer = new Committer(options.client, () => options.epoch ?? 1);
    this.fresh = new FreshObjects(options.client);
  }

  /** Makes so many changes, one after the other. */
  async write(changes: number): Promise<void> {
    for (let made = 0; made < changes; ) if (await this.change()) made += 1;
  }

  /** Ids of the instances that are not over. */
  get instances(): readonly string[] {
    return this.alive;
  }

  private async change(): Promise<boolean> {
    this.nowMs += 1_000;
    const { aliveMax = 20 } = this.options;
    if (this.alive.length === 0 || (this.alive.length < aliveMax && this.chance(0.15))) return this.create();
    const id = this.oneOf(this.alive);
    const entries = await this.fresh.instance(id);
    const decision = this.chance(0.2) ? this.userAsks(entries) : await this.lifecycleGoesOn(entries);
    if (!decision) return false;
    const outcome = await this.committer.commit(decision);
    if (outcome.kind === 'done' && statusIn(decision)?.phase === 'TERMINATED') this.alive.splice(this.alive.indexOf(id), 1);
    return outcome.kind === 'done';
  }

  private async create(): Promise<boolean> {
    const { spec, status } = newInstance({ labels: this.oneOf(labelSets), ports: [] }, this.mint('i'));
    const decision = createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.instance.created' });
    await this.committer.commit({ ...decision, shared: charging(spec, chargeOfInstance(spec), { org: {}, project: {} }) });
    this.alive.push(spec.id);
    return true;
  }

  private userAsks(entries: InstanceEntries): Decision | undefined {
    const verb = this.oneOf(verbs);
    const command = this.mint('command');
    const act = actOnInstance(verb, viewOf(entries), asking(this.nowMs - startMs, command));
    return act.kind === 'admitted' ? ownDecision(instanceSpecDecision(entries, act.spec, verb), command) : undefined;
  }

  private async lifecycleGoesOn(entries: InstanceEntries): Promise<Decision | undefined> {
    const view = viewOf(entries);
    const next = nextForInstance(view, this.nowMs);
    if (next.kind !== 'run') {
      if (next.kind === 'wait' && next.untilMs !== undefined) this.nowMs = Math.max(this.nowMs, next.untilMs);
      else if (view.status.phase === 'RUNNING' && this.chance(0.3)) await this.observe(entries, 'failed');
      return undefined;
    }
    const { step } = next;
    if (step === 'schedule') return this.schedule(entries);
    if (!isHostStep(step)) return this.decide(entries, step, 'complete', this.changeOf(step, view));
    return step === 'undo' || isInFlight(step, view.status) ? this.settle(step, entries) : this.begin(step, entries);
  }

  private async schedule(entries: InstanceEntries): Promise<Decision> {
    const worker = await this.fresh.worker(this.oneOf(this.options.workerIds));
    const { resources } = entries.spec.value;
    const allocation: Allocation = { schemaVersion: 1, allocationId: this.mint('a'), workerId: worker.id, ports: {}, resources, allocatedAt: new Date(this.nowMs).toISOString() };
    const change = scheduled(viewOf(entries), allocation, this.moment());
    return instanceDecision(entries, change, { step: 'schedule', outcome: 'place', actor: 'lifecycle', worker });
  }

  private begin(step: Exclude<HostStep, 'undo'>, entries: InstanceEntries): Decision | undefined {
    const view = viewOf(entries);
    if (step === 'restart' && view.status.operation === undefined) {
      const verdict = crashed(view, this.moment());
      if (verdict !== 'restart now') return this.decide(entries, step, 'fail', verdict, true);
    }
    return this.decide(entries, step, 'begin', begin(step, view, this.moment()));
  }

  /** The host does as the plan says, or fails at a start now and then. */
  private async settle(step: HostStep, entries: InstanceEntries): Promise<Decision | undefined> {
    const { wanted } = hostSteps[step];
    const state = wanted !== 'running' ? wanted : this.chance(0.2) ? 'failed' : 'running';
    const seen = settleHostStep(step, viewOf(entries)).kind === 'pending' ? await this.observe(entries, state) : entries;
    const settled = settleHostStep(step, viewOf(seen));
    if (settled.kind === 'pending') return undefined;
    const view = viewOf(seen);
    const change = settled.kind === 'done' ? complete(step, view, this.moment()) : fail(step, view, settled.failure, this.moment());
    return this.decide(seen, step, settled.kind, change, true);
  }

  /** An observation is no change of the object: it has no event. */
  private async observe(entries: InstanceEntries, state: 'running' | 'failed' | 'stopped' | 'absent'): Promise<InstanceEntries> {
    const view = viewOf(entries);
    const key = keys.instanceObserved(entries.id);
    const failure = { class: 'transient' as const, reason: 'ExitedEarly', message: 'exit code 1' };
    const value = { ...observationOf(view, state, state === 'failed' ? { failure } : {}), workerId: view.allocation!.workerId };
    await this.committer.commit({ id: this.mint('observation'), compares: [unchanged(key, entries.observed)], puts: [{ key, value }], deletes: [], events: [] });
    return this.fresh.instance(entries.id);
  }

  private changeOf(step: Exclude<InstanceStep, HostStep | 'schedule'>, view: InstanceView): InstanceChange {
    const changes = { finish: finished, retry: retried, acknowledge: acknowledged };
    return changes[step](view, this.moment());
  }

  private decide(entries: InstanceEntries, step: InstanceStep, outcome: string, change: InstanceChange, onObservation = false): Decision {
    return instanceDecision(entries, change, { step, outcome, actor: 'lifecycle', onObservation, workflowRun: `run-of-${entries.id}` });
  }

  private moment(): { nowMs: number; operationId: string } {
    return { nowMs: this.nowMs, operationId: this.mint('op') };
  }

  private chance(share: number): boolean {
    return this.options.random() < share;
  }

  private oneOf<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.options.random() * choices.length)]!;
  }

  private mint(prefix: string): string {
    this.minted += 1;
    return `${prefix}-${this.options.name}-${this.minted}`;
  }
}

function statusIn({ puts }: Decision): { readonly phase?: string } | undefined {
  return puts.find(({ key }) => key.endsWith('/state'))?.value as { phase?: string } | undefined;
}
