import { emptyCapacity } from '../../src/domain/capacity';
import type { Moment } from '../../src/domain/instance-changes';
import type { ObservedFailure } from '../../src/domain/plan';
import { stepTimeoutReason } from '../../src/domain/stuck';
import type { WorkerView } from '../../src/domain/worker';
import type { WorkerVerb } from '../../src/domain/worker-admission';
import { actOnWorker } from '../../src/domain/worker-admission';
import type { WorkerChange } from '../../src/domain/worker-changes';
import {
  beginDestroy,
  beginProvision,
  destroyed,
  destroyFailed,
  draining,
  provisioned,
  provisionFailed,
  undone,
  workerAcknowledged,
  workerFinished,
  workerRetried,
} from '../../src/domain/worker-changes';
import type { WorkerStep } from '../../src/domain/worker-steps';
import { nextForWorker } from '../../src/domain/worker-steps';
import { asking, startMs } from './domain-objects';

export interface WorkerCommit {
  readonly step: WorkerStep;
  readonly change: WorkerChange;
  readonly before: WorkerView;
  readonly after: WorkerView;
}

/** How the provider answers. It may leave a host behind even where it says that it failed. */
export type ProviderAnswer = 'done' | 'failed' | 'failed, with something left' | 'misconfigured' | 'silent';

const failures: Readonly<Record<string, ObservedFailure>> = {
  failed: { class: 'transient', reason: 'ProviderFailed', message: 'no more hosts' },
  misconfigured: { class: 'configuration', reason: 'BadImage', message: 'no such image' },
  silent: { class: 'host', reason: stepTimeoutReason, message: 'no agent registered in time' },
};

/** One worker, its user, its provider and its instances; the lifecycle is run as the activities run it. */
export class WorkerSimulation {
  readonly commits: WorkerCommit[] = [];
  /** External ids of hosts that exist at the provider. */
  readonly hosts = new Set<string>();
  /** External ids that the provider was asked for, in order. */
  readonly askedFor: string[] = [];
  createAnswer: ProviderAnswer = 'done';
  destroyWorks = true;
  nowMs = startMs;
  private minted = 0;

  constructor(public view: WorkerView) {}

  ask(verb: WorkerVerb): boolean {
    const act = actOnWorker(verb, this.view, asking(this.nowMs - startMs, this.mint('command')));
    if (act.kind === 'admitted') this.view = { ...this.view, spec: act.spec };
    return act.kind === 'admitted';
  }

  setPaused(paused: boolean): void {
    const { spec } = this.view;
    if (paused !== spec.paused) this.view = { ...this.view, spec: { ...spec, paused, generation: spec.generation + 1 } };
  }

  /** Placement puts an instance here, or one is released. Nothing lands unless it is running and wanted. */
  setInstances(instances: number): void {
    const { spec, status, capacity } = this.view;
    const isOpen = status.phase === 'RUNNING' && spec.intent === 'running' && !spec.paused;
    if (capacity && (isOpen || instances < capacity.instances)) this.view = { ...this.view, capacity: { ...capacity, instances } };
  }

  /** Runs the step that is due, if any; `diesAfterCommits` is the control process's end. Answers whether anything changed. */
  step(diesAfterCommits = Infinity): boolean {
    const next = nextForWorker(this.view, this.nowMs);
    if (next.kind !== 'run' || diesAfterCommits < 1) return false;
    const { step } = next;
    switch (step) {
      case 'provision':
        return this.provision(diesAfterCommits);
      case 'destroy':
      case 'undo':
        return this.destroy(step, diesAfterCommits);
      case 'drain':
        return this.commit(step, draining(this.view, this.moment()));
      case 'finish':
        return this.commit(step, workerFinished(this.view, this.moment()));
      case 'retry':
        return this.commit(step, workerRetried(this.view, this.moment()));
      case 'acknowledge':
        return this.commit(step, workerAcknowledged(this.view, this.moment()));
    }
  }

  /** Lets the lifecycle go on until nothing more happens; time passes where it waits for a date. */
  settle(stepsMax: number): void {
    for (let steps = 0; steps < stepsMax; steps++) {
      if (this.step()) continue;
      const next = nextForWorker(this.view, this.nowMs);
      if (next.kind !== 'wait' || next.untilMs === undefined) return;
      this.nowMs = Math.max(this.nowMs, next.untilMs);
    }
    throw new Error(`still going on after ${stepsMax} steps: ${JSON.stringify(this.view.status)}`);
  }

  private provision(diesAfterCommits: number): boolean {
    const { operation, externalId } = this.view.status;
    if (operation?.state === 'acting' && this.nowMs >= Date.parse(operation.deadlineAt)) {
      return this.commit('provision', provisionFailed(this.view, failures.silent!, this.moment()));
    }
    const claim = { externalId: externalId ?? this.mint('host'), agentTokenHash: this.mint('token') };
    this.commit('provision', beginProvision(this.view, claim, this.moment()));
    this.askedFor.push(claim.externalId);
    if (this.createAnswer !== 'failed' && this.createAnswer !== 'misconfigured') this.hosts.add(claim.externalId);
    if (diesAfterCommits < 2) return true;
    if (this.createAnswer === 'done') return this.commit('provision', provisioned(this.view, {}, this.moment()));
    const failure = failures[this.createAnswer.split(',')[0]!]!;
    return this.commit('provision', provisionFailed(this.view, failure, this.moment()));
  }

  private destroy(step: 'destroy' | 'undo', diesAfterCommits: number): boolean {
    const { operation } = this.view.status;
    const isInFlight = step === 'undo' || (operation?.step === 'destroy' && operation.state === 'acting');
    if (!isInFlight) this.commit(step, beginDestroy(this.view, this.moment()));
    if (!isInFlight && diesAfterCommits < 2) return true;
    if (!this.destroyWorks) {
      return this.commit(step, destroyFailed(this.view, { class: 'transient', reason: 'ProviderFailed', message: 'cannot destroy' }, this.moment()));
    }
    this.hosts.delete(this.view.status.externalId ?? '');
    return this.commit(step, step === 'undo' ? undone(this.view, this.moment()) : destroyed(this.view, this.moment()));
  }

  private commit(step: WorkerStep, change: WorkerChange): true {
    const before = this.view;
    const { capacity, ...rest } = before;
    const ledger = change.openLedger && !capacity ? emptyCapacity(before.spec.capacity) : change.closeLedger ? undefined : capacity;
    this.view = { ...rest, status: change.status, ...(ledger && { capacity: ledger }) };
    this.commits.push({ step, change, before, after: this.view });
    return true;
  }

  private moment(): Moment {
    return { nowMs: this.nowMs, operationId: this.mint('op') };
  }

  private mint(prefix: string): string {
    this.minted += 1;
    return `${prefix}-${this.minted}`;
  }
}
