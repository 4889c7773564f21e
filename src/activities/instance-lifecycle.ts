import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Answer, LifecycleStep } from '../domain/answer';
import type { InstanceView } from '../domain/instance';
import type { InstanceChange, Moment } from '../domain/instance-changes';
import { acknowledged, begin, complete, crashed, fail, finished, retried } from '../domain/instance-changes';
import { endedOnHost, nextForInstance } from '../domain/instance-next';
import type { HostStep, InstanceStep, Settled } from '../domain/instance-steps';
import { isHostStep, isInFlight, settleHostStep } from '../domain/instance-steps';
import type { ObservedFailure } from '../domain/plan';
import { stepTimeoutReason } from '../domain/stuck';
import type { KeyedEntry } from '../stores/etcd/client';
import type { Committer } from '../stores/etcd/committer';
import { ObjectNotFoundError } from '../stores/etcd/errors';
import { keys } from '../stores/etcd/keys';
import type { LifecycleCommit } from '../stores/etcd/lifecycle-decisions';
import { instanceDecision } from '../stores/etcd/lifecycle-decisions';
import type { CachedObjects, FreshObjects, InstanceEntries } from '../stores/etcd/objects';
import { viewOf } from '../stores/etcd/views';
import { answerForInstance, goneAnswer } from './answers';
import type { Clock } from './clock';
import type { Placement } from './placement';
import type { StepContext } from './step-context';
import { patienceMs } from './step-context';
import { logCommitted, logFailure } from './step-log';
import type { StepOf } from './step-log';
import { afterCommit } from './views';
import type { WorkloadFault, Workloads } from './workload';
import { presentWorkflowRun } from './workflow-run';

/** What a step says of its commit. */
type StepCommit = Pick<LifecycleCommit, 'step' | 'outcome' | 'onObservation' | 'workloadHash' | 'workloadGuard'>;

/** More than one process ever has under way. */
const committedRememberedMax = 10_000;

export interface InstanceLifecycleDependencies {
  readonly fresh: FreshObjects;
  readonly cached: CachedObjects;
  readonly committer: Committer;
  readonly placement: Placement;
  readonly workloads: Workloads;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What an instance's lifecycle may do. Each call reads the instance, asks the one table whether the step is due,
 * acts, commits outcome and next status together, and answers what comes next. Where anything that it decided on has
 * changed meanwhile, nothing is written and the answer is decided anew: "look again".
 */
export class InstanceLifecycle {
  /** Revision of the last commit that this process made for an instance. */
  private readonly committed = new LRUCache<string, number>({ max: committedRememberedMax });

  constructor(private readonly dependencies: InstanceLifecycleDependencies) {}

  /** What is due now; writes nothing. */
  async look(id: string): Promise<Answer> {
    return this.ofExisting(id, async (entries) => this.answer(entries));
  }

  /** Runs a step, if it is still the one that is due. */
  async run(step: LifecycleStep, id: string, context: StepContext): Promise<Answer> {
    const known = this.asCommittedHere(id);
    if (known && this.isDue(step, known)) return this.act(step, known, context);
    return this.ofExisting(id, async (entries) => (this.isDue(step, entries) ? this.act(step, entries, context) : this.answer(entries)));
  }

  private isDue(step: LifecycleStep, entries: InstanceEntries): step is InstanceStep {
    const due = nextForInstance(viewOf(entries), this.dependencies.clock.nowMs());
    return due.kind === 'run' && due.step === step;
  }

  /**
   * The instance from the cache, if this process made its last commit and the cache holds that: a step that follows
   * another one reads nothing. Good enough to act on, since the commit compares; never to say that nothing is due.
   */
  private asCommittedHere(id: string): InstanceEntries | undefined {
    const { cached } = this.dependencies;
    const revision = this.committed.get(id);
    return revision !== undefined && cached.cache.revision >= revision ? cached.instance(id) : undefined;
  }

  private act(step: InstanceStep, entries: InstanceEntries, context: StepContext): Promise<Answer> {
    return logFailure(this.dependencies.log, stepOf(step, entries), () => this.doStep(step, entries, context));
  }

  private async doStep(step: InstanceStep, entries: InstanceEntries, context: StepContext): Promise<Answer> {
    if (isHostStep(step)) return this.actOnHost(step, entries, context);
    const view = viewOf(entries);
    const moment = this.moment();
    switch (step) {
      case 'schedule':
        return this.schedule(entries);
      case 'finish':
        return this.commitAndAnswer(entries, finished(view, moment), { step, outcome: 'complete' });
      case 'retry':
        return this.commitAndAnswer(entries, retried(view, moment), { step, outcome: 'complete' });
      case 'acknowledge':
        return this.commitAndAnswer(entries, acknowledged(view, moment), { step, outcome: 'complete' });
    }
  }

  private async schedule(entries: InstanceEntries): Promise<Answer> {
    const outcome = await this.dependencies.placement.schedule(entries);
    if (outcome.kind !== 'committed') return this.lookAgain(entries.id);
    this.committed.set(entries.id, outcome.entries.status.revision);
    if (outcome.entries.allocation) this.dependencies.workloads.prepareAhead(outcome.entries);
    return this.answer(outcome.entries, entries);
  }

  private async actOnHost(step: HostStep, entries: InstanceEntries, context: StepContext): Promise<Answer> {
    let current = entries;
    if (!isInFlight(step, entries.status.value)) {
      const begun = await this.begin(step as Exclude<HostStep, 'undo'>, entries);
      if (begun === undefined) return this.lookAgain(entries.id);
      if (!isInFlight(step, begun.status.value)) return this.answer(begun, entries);
      current = begun;
    }
    context.report?.(`waiting for worker ${current.allocation?.value.workerId ?? ''} to confirm ${step}`);
    const settled = await this.awaitHost(step, current, context);
    if (settled.outcome.kind === 'pending') return { ...this.answer(current, entries), visible: true };
    if (settled.outcome.kind === 'overtaken') return this.lookAgain(entries.id);
    const view = viewOf(settled.entries);
    const change = settled.outcome.kind === 'done' ? complete(step, view, this.moment()) : fail(step, view, settled.outcome.failure, this.moment());
    return this.commitAndAnswer(settled.entries, change, { step, outcome: settled.outcome.kind, onObservation: true }, entries);
  }

  /** Puts the step into status and the plan; undefined when the instance changed meanwhile. */
  private async begin(step: Exclude<HostStep, 'undo'>, entries: InstanceEntries): Promise<InstanceEntries | undefined> {
    const view = viewOf(entries);
    if (step === 'restart' && endedOnHost(view) !== undefined && entries.status.value.operation === undefined) {
      const verdict = crashed(view, this.moment());
      if (verdict !== 'restart now') return this.commit(entries, verdict, { step, outcome: 'fail', onObservation: true });
    }
    const change = begin(step, view, this.moment());
    if (change.plan?.wanted !== 'running') return this.commit(entries, change, { step, outcome: 'begin' });
    const workload = await this.dependencies.workloads.prepare(entries);
    if ('hash' in workload) return this.commit(entries, change, { step, outcome: 'begin', workloadHash: workload.hash, workloadGuard: workload.guard });
    return this.failBeforeHost(step, entries, change, workload);
  }

  /** The workload cannot be made: the attempt is on record like any other, but the host never hears of it. */
  private async failBeforeHost(step: HostStep, entries: InstanceEntries, change: InstanceChange, fault: WorkloadFault): Promise<InstanceEntries | undefined> {
    const begun = await this.commit(entries, { status: { ...change.status, undo: entries.status.value.undo } }, { step, outcome: 'begin' });
    if (begun === undefined) return undefined;
    return this.commit(begun, fail(step, viewOf(begun), fault.failure, this.moment()), { step, outcome: 'fail' });
  }

  /** Waits for the host's word on the step, or for the step's deadline, or until somebody changed the instance. */
  private async awaitHost(step: HostStep, current: InstanceEntries, context: StepContext): Promise<{ outcome: Settled | { kind: 'overtaken' }; entries: InstanceEntries }> {
    const { cached, clock } = this.dependencies;
    const deadlineAt = current.status.value.operation?.deadlineAt;
    const probe = () => {
      const seen = cached.instance(current.id);
      if (!seen || seen.status.revision < current.status.revision) return undefined;
      if (seen.status.revision > current.status.revision || seen.spec.revision > current.spec.revision) return { outcome: { kind: 'overtaken' as const }, entries: seen };
      const outcome = settleHostStep(step, viewOf(seen));
      return outcome.kind === 'pending' ? undefined : { outcome, entries: seen };
    };
    const target = { collection: 'instances', id: current.id };
    const heard = await cached.cache.waitForObject(target, probe, patienceMs(context, deadlineAt, clock.nowMs()), context.signal);
    if (heard) return heard;
    const expired = deadlineAt !== undefined && clock.nowMs() >= Date.parse(deadlineAt) && !context.signal.aborted;
    return { outcome: expired ? { kind: 'failed', failure: timedOut(step, current) } : { kind: 'pending' }, entries: current };
  }

  private async commitAndAnswer(
    entries: InstanceEntries,
    change: InstanceChange,
    commit: StepCommit,
    before: InstanceEntries = entries,
  ): Promise<Answer> {
    const committed = await this.commit(entries, change, commit);
    return committed ? this.answer(committed, before) : this.lookAgain(entries.id);
  }

  /** The instance as it is after the commit; undefined when it has to be looked at again. */
  private async commit(entries: InstanceEntries, change: InstanceChange, commit: StepCommit): Promise<InstanceEntries | undefined> {
    const decision = instanceDecision(entries, change, { ...commit, actor: 'lifecycle', workflowRun: presentWorkflowRun(), planned: this.planned(entries) });
    const outcome = await this.dependencies.committer.commit(decision);
    if (outcome.kind === 'refused') throw new LedgerFaultError(entries.id, outcome.refusal.message);
    if (outcome.kind !== 'done' || outcome.repeated) return undefined;
    this.committed.set(entries.id, outcome.revision);
    logCommitted(this.dependencies.log, stepOf(commit.step, entries), { outcome: commit.outcome, phase: change.status.phase, revision: outcome.revision });
    return afterCommit(entries, decision.puts[0]!.value as InstanceView['status'], change, outcome.revision);
  }

  /** What the plan says of an instance now. It changes together with the status, so that a cache which holds that one holds it as well. */
  private planned({ allocation, status }: InstanceEntries): KeyedEntry | undefined {
    const { cache } = this.dependencies.cached;
    if (!allocation || cache.revision < status.revision) return undefined;
    return cache.get(keys.planEntry(allocation.value.workerId, allocation.value.allocationId));
  }

  private async lookAgain(id: string): Promise<Answer> {
    return this.look(id);
  }

  private answer(entries: InstanceEntries, before?: InstanceEntries): Answer {
    return answerForInstance(entries, nextForInstance(viewOf(entries), this.dependencies.clock.nowMs()), before);
  }

  private moment(): Moment {
    const { clock } = this.dependencies;
    return { nowMs: clock.nowMs(), operationId: clock.mintId('op') };
  }

  /** A run that finds its object gone ends, and writes nothing. */
  private async ofExisting(id: string, act: (entries: InstanceEntries) => Promise<Answer>): Promise<Answer> {
    let entries: InstanceEntries;
    try {
      entries = await this.dependencies.fresh.instance(id);
    } catch (error) {
      if (error instanceof ObjectNotFoundError) return goneAnswer(id);
      throw error;
    }
    return act(entries);
  }
}

/** A release that the ledger refuses: something else wrote there. It is retried, shows in the UI, and the ledger audit names it. */
export class LedgerFaultError extends Error {
  constructor(instanceId: string, detail: string) {
    super(`the ledger refuses what instance ${instanceId} gives back: ${detail}`);
    this.name = 'LedgerFaultError';
  }
}

function stepOf(step: string, { id, spec }: InstanceEntries): StepOf {
  return { kind: 'Instance', id, step, cause: spec.value.cause };
}

function timedOut(step: HostStep, entries: InstanceEntries): ObservedFailure {
  const workerId = entries.allocation?.value.workerId;
  return { class: 'host', reason: stepTimeoutReason, message: `worker ${workerId} did not confirm ${step} in time` };
}
