import type { InstanceVerb } from '../../src/domain/admission';
import { actOnInstance } from '../../src/domain/admission';
import type { InstanceView } from '../../src/domain/instance';
import type { InstanceChange, Moment } from '../../src/domain/instance-changes';
import { acknowledged, begin, complete, crashed, fail, finished, queued, retried, scheduled } from '../../src/domain/instance-changes';
import { endedOnHost, isQueued, nextForInstance } from '../../src/domain/instance-next';
import type { HostStep, InstanceStep } from '../../src/domain/instance-steps';
import { isHostStep, isInFlight, settleHostStep } from '../../src/domain/instance-steps';
import type { InstancePatch } from '../../src/domain/mutable-spec';
import { patchInstance } from '../../src/domain/mutable-spec';
import type { ObservedFailure, PlanEntry } from '../../src/domain/plan';
import { stepTimeoutReason } from '../../src/domain/stuck';
import { allocationOf, asking, startMs } from './domain-objects';
import { ModelHost } from './model-host';

/** What a step decided, before it is committed. */
export interface Decided {
  readonly step: InstanceStep;
  readonly outcome: 'begin' | 'complete' | 'fail';
  readonly change: InstanceChange;
  /** Whether what the host observed must be unchanged at the commit. */
  readonly onObservation: boolean;
}

/** One commit that took place. */
export interface Commit extends Decided {
  readonly before: InstanceView;
  readonly after: InstanceView;
  readonly nowMs: number;
}

/** An instance as somebody read it, with the revisions that a commit compares. */
export interface Snapshot {
  readonly view: InstanceView;
  readonly head: number;
  readonly observation: number;
}

const unrenderable: ObservedFailure = { class: 'configuration', reason: 'WorkloadRefused', message: 'no such port' };
const timedOut: ObservedFailure = { class: 'host', reason: stepTimeoutReason, message: 'the worker did not answer in time' };

/**
 * One instance, its user, its host and its ledger. Its lifecycle is run as the activities run it, one commit at a time,
 * so that every commit can be lost, repeated, or decided on something stale.
 */
export class InstanceSimulation {
  readonly host = new ModelHost();
  readonly commits: Commit[] = [];
  readonly plan = new Map<string, PlanEntry>();
  /** Allocation ids, once per claim and once per release. */
  readonly claimed: string[] = [];
  readonly released: string[] = [];
  nowMs = startMs;
  hasRoom = true;
  isRenderable = true;
  private minted = 0;
  /** Revision of the last change of spec, status or allocation. */
  private head = 1;
  private observation = 0;

  constructor(public view: InstanceView) {}

  /** A user asks; answers whether it was admitted. */
  ask(verb: InstanceVerb): boolean {
    const act = actOnInstance(verb, this.view, asking(this.nowMs - startMs, this.mint('command')));
    if (act.kind !== 'admitted') return false;
    this.putSpec(act.spec);
    return true;
  }

  /** A user changes what may be changed; answers whether it was. */
  patch(patch: InstancePatch): boolean {
    const act = patchInstance(patch, this.view, asking(this.nowMs - startMs));
    if (act.kind !== 'admitted') return false;
    this.putSpec(act.spec);
    return true;
  }

  /** The host acts on its plan, and what it sees of the present allocation is recorded. */
  hostActs(): void {
    for (const observed of this.host.act(this.plan)) {
      if (observed.allocationId !== this.view.allocation?.allocationId) continue;
      if (JSON.stringify(observed) === JSON.stringify(this.view.observed)) continue;
      this.view = { ...this.view, observed };
      this.observation += 1;
    }
  }

  snapshot(): Snapshot {
    return { view: this.view, head: this.head, observation: this.observation };
  }

  /** Runs the step that is due; a fault between deciding and committing loses it. Answers whether anything changed. */
  step(fault?: 'commit is lost' | 'second commit is lost', from: Snapshot = this.snapshot()): boolean {
    const decided = this.decide(from.view);
    if (!decided || fault === 'commit is lost') return false;
    const isUnrenderable = decided.change.plan?.wanted === 'running' && !this.isRenderable;
    if (!isUnrenderable) return this.commit(decided, from);
    // The host never hears of what cannot be made, but the attempt is on record.
    const unheard = { ...decided, change: { status: { ...decided.change.status, undo: from.view.status.undo } } };
    if (!this.commit(unheard, from)) return false;
    if (fault === 'second commit is lost') return true;
    const change = fail(decided.step as HostStep, this.view, unrenderable, this.moment());
    return this.commit({ step: decided.step, outcome: 'fail', change, onObservation: false }, this.snapshot());
  }

  /** Whether running the step that is due would lead to a commit now. */
  wouldChange(): boolean {
    return this.decide(this.view) !== undefined;
  }

  /** The scheduler leader places what waits in the queue. */
  leaderPlaces(): void {
    const { spec, status } = this.view;
    if (status.phase !== 'PENDING' || !isQueued(status) || spec.intent !== 'running' || spec.paused || !this.hasRoom) return;
    const change = scheduled(this.view, allocationOf(this.view, this.mint('a')), this.moment());
    this.commit({ step: 'schedule', outcome: 'complete', change, onObservation: false }, this.snapshot());
  }

  /** Lets host and lifecycle go on, time included, until nothing more happens; throws when that takes more than `stepsMax`. */
  settle(stepsMax: number): void {
    for (let steps = 0; steps < stepsMax; steps++) {
      this.hostActs();
      this.leaderPlaces();
      if (!this.step() && !this.passTime()) return;
    }
    throw new Error(`still going on after ${stepsMax} steps: ${JSON.stringify(this.view.status)}`);
  }

  /** Jumps to the next date that anything waits for, as long as somebody waits for one; answers whether there was one. */
  private passTime(): boolean {
    const next = nextForInstance(this.view, this.nowMs);
    const deadlineAt = next.kind === 'run' ? this.view.status.operation?.deadlineAt : undefined;
    const untilMs = next.kind === 'wait' ? next.untilMs : deadlineAt === undefined ? undefined : Date.parse(deadlineAt);
    // A host that does not answer is asked for ever.
    if (untilMs === undefined || (next.kind === 'run' && !this.host.isReachable)) return false;
    this.nowMs = Math.max(this.nowMs, untilMs);
    return true;
  }

  private decide(view: InstanceView): Decided | undefined {
    const next = nextForInstance(view, this.nowMs);
    if (next.kind !== 'run') return undefined;
    const { step } = next;
    if (isHostStep(step)) return isInFlight(step, view.status) ? this.settleStep(step, view) : this.begin(step, view);
    return { step, outcome: 'complete', change: this.changeOf(step, view), onObservation: false };
  }

  private begin(step: HostStep, view: InstanceView): Decided {
    if (step === 'undo') throw new Error('an undo is in flight from the commit that gives up');
    if (step === 'restart' && endedOnHost(view) !== undefined && view.status.operation === undefined) {
      const verdict = crashed(view, this.moment());
      if (verdict !== 'restart now') return { step, outcome: 'fail', change: verdict, onObservation: true };
    }
    return { step, outcome: 'begin', change: begin(step, view, this.moment()), onObservation: false };
  }

  private settleStep(step: HostStep, view: InstanceView): Decided | undefined {
    const settled = settleHostStep(step, view);
    if (settled.kind === 'done') return { step, outcome: 'complete', change: complete(step, view, this.moment()), onObservation: true };
    const expired = this.nowMs >= Date.parse(view.status.operation!.deadlineAt);
    const failure = settled.kind === 'failed' ? settled.failure : expired ? timedOut : undefined;
    return failure && { step, outcome: 'fail', change: fail(step, view, failure, this.moment()), onObservation: true };
  }

  private changeOf(step: Exclude<InstanceStep, HostStep>, view: InstanceView): InstanceChange {
    switch (step) {
      case 'schedule':
        return this.hasRoom ? scheduled(view, allocationOf(view, this.mint('a')), this.moment()) : queued(view, 'nothing has room', this.moment());
      case 'finish':
        return finished(view, this.moment());
      case 'retry':
        return retried(view, this.moment());
      case 'acknowledge':
        return acknowledged(view, this.moment());
    }
  }

  /** All or nothing, and nothing when anything that it was decided on has changed. */
  private commit(decided: Decided, from: Snapshot): boolean {
    if (from.head !== this.head || (decided.onObservation && from.observation !== this.observation)) return false;
    const before = this.view;
    const { change } = decided;
    const { allocation } = before;
    if (change.allocate) this.claimed.push(change.allocate.allocationId);
    if (change.release && allocation) {
      this.released.push(allocation.allocationId);
      this.plan.delete(allocation.allocationId);
    }
    if (change.plan && allocation && !change.release) {
      this.plan.set(allocation.allocationId, { schemaVersion: 1, allocationId: allocation.allocationId, instanceId: before.spec.id, workloadHash: 'w', ...change.plan });
    }
    const kept = change.release ? {} : { ...(allocation && { allocation }), ...(before.observed && { observed: before.observed }) };
    this.view = { spec: before.spec, status: change.status, ...kept, ...(change.allocate && { allocation: change.allocate }) };
    this.head += 1;
    this.commits.push({ ...decided, before, after: this.view, nowMs: this.nowMs });
    return true;
  }

  private putSpec(spec: InstanceView['spec']): void {
    this.view = { ...this.view, spec };
    this.head += 1;
  }

  private moment(): Moment {
    return { nowMs: this.nowMs, operationId: this.mint('op') };
  }

  private mint(prefix: string): string {
    this.minted += 1;
    return `${prefix}-${this.minted}`;
  }
}
