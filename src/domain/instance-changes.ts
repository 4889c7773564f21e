import type { Allocation, InstanceStatus, InstanceView } from './instance';
import { deadlineOf, haltReason } from './instance-next';
import type { HostStep } from './instance-steps';
import { hostSteps, instanceSteps, mayExistOnHost } from './instance-steps';
import type { ObservedFailure, Wanted } from './plan';
import { backoffMs, isExhausted, retryPolicyDefault } from './retry';
import type { Condition, UndoEntry } from './status';
import { cutMessage, isoTime, withCondition } from './status';

/** What a commit of the lifecycle changes: the next status, and with it the plan and the allocation. */
export interface InstanceChange {
  readonly status: InstanceStatus;
  /** The entry to put into the worker's plan. */
  readonly plan?: { readonly wanted: Wanted; readonly attempt: number };
  /** Gives ports and capacity back and takes the entry out of the plan. */
  readonly release?: true;
  readonly allocate?: Allocation;
}

export interface Moment {
  readonly nowMs: number;
  /** Freshly minted id for a new operation. */
  readonly operationId: string;
}

/** Has an allocation: SCHEDULED. */
export function scheduled(view: InstanceView, allocation: Allocation, moment: Moment): InstanceChange {
  const status = next(view, moment, {
    phase: 'SCHEDULED',
    message: `placed on worker ${allocation.workerId}`,
    undo: [{ step: 'schedule', undo: 'release', attempt: 1 }],
    resources: { ...view.status.resources, allocation: { kind: 'Allocation', name: allocation.workerId, uid: allocation.allocationId } },
  });
  return { allocate: allocation, status: withConditionOf(status, moment, 'Scheduled', 'True', 'Placed', `on worker ${allocation.workerId}`) };
}

/** Nothing can hold it now: it stays PENDING and waits in the queue. */
export function queued(view: InstanceView, message: string, moment: Moment): InstanceChange {
  const status = next(view, moment, { message });
  return { status: withConditionOf(status, moment, 'Scheduled', 'False', 'NoCapacity', message) };
}

/** A step at the host begins: what is tried and how it is undone is in status before the host hears of it. */
export function begin(step: Exclude<HostStep, 'undo'>, view: InstanceView, moment: Moment): InstanceChange {
  const { status, spec } = view;
  const row = hostSteps[step];
  const { operation } = status;
  const attempt = operation?.step === step ? operation.attempt + (operation.state === 'backoff' ? 1 : 0) : 1;
  const hostAttempt = row.newAttempt ? status.attempt + 1 : status.attempt;
  const halted = step === 'stop' ? haltReason(view, moment.nowMs) : undefined;
  const endsHalt = step === 'start' && status.phase === 'STOPPED' && status.halted !== undefined;
  const changed = next(view, moment, {
    phase: row.enters ?? status.phase,
    message: describeBegin(step, attempt, halted),
    attempt: hostAttempt,
    operation: {
      id: moment.operationId,
      step,
      attempt,
      state: 'acting',
      startedAt: isoTime(moment.nowMs),
      deadlineAt: isoTime(moment.nowMs + instanceSteps[step].timeoutMs),
    },
    undo: row.wanted === 'running' ? withUndo(status.undo, { step, undo: 'remove', attempt: hostAttempt }) : status.undo,
    ...(halted !== undefined && { halted: { reason: halted, generation: spec.generation } }),
    ...(endsHalt && { halted: undefined, startedAt: undefined }),
    ...(step === 'restart' && restartedAt(moment, restartsSoFar(view, moment.nowMs) + 1)),
  });
  const ready = withConditionOf(changed, moment, 'Ready', 'False', readyReason(step), changed.message);
  const tellsHost = row.wanted === 'running' || mayExistOnHost(view);
  return { status: ready, ...(tellsHost && { plan: { wanted: row.wanted, attempt: hostAttempt } }) };
}

/** The host confirmed the step. */
export function complete(step: HostStep, view: InstanceView, moment: Moment): InstanceChange {
  switch (step) {
    case 'start':
    case 'restart':
      return { status: nowRunning(view, moment) };
    case 'stop': {
      const message = view.status.halted ? `stopped: ${view.status.halted.reason}` : 'stopped';
      const status = next(view, moment, { phase: 'STOPPED', message, operation: undefined });
      return { status: withConditionOf(status, moment, 'Ready', 'False', 'Stopped', message) };
    }
    case 'remove':
      return { release: true, status: ended(view, moment, 'TERMINATED', 'terminated') };
    case 'undo': {
      const why = view.status.lastFailure;
      const message = why ? `failed in ${why.step}: ${why.message}` : 'failed';
      const status = ended(view, moment, 'FAILED', message);
      return { release: true, status: withConditionOf(status, moment, 'Ready', 'False', 'ComponentFailure', message) };
    }
  }
}

/** An attempt of a step failed: it backs off, or gives up and undoes; a step that must succeed tries on. */
export function fail(step: HostStep, view: InstanceView, failure: ObservedFailure, moment: Moment): InstanceChange {
  const { spec, status } = view;
  const operation = status.operation!;
  const attempt = operation.attempt;
  const lastFailure = { time: isoTime(moment.nowMs), step: operation.step, ...failure, message: cutMessage(failure.message), retryCount: attempt };
  const failed = { lastFailure, componentStatus: view.observed?.components ?? status.componentStatus };
  if (step !== 'start' && step !== 'restart') {
    // Stopping has no alternative: it goes on asking, ever more patiently, until the host has answered.
    const patienceMs = instanceSteps[step].timeoutMs + backoffMs(retryPolicyDefault, attempt);
    const again = { ...operation, attempt: attempt + 1, deadlineAt: isoTime(moment.nowMs + patienceMs) };
    // What made it give up stays the reason, however often the undo has to be asked for.
    const recorded = step === 'undo' ? {} : failed;
    return { status: next(view, moment, { ...recorded, operation: again, message: `${step}: ${failure.message}` }) };
  }
  if (isExhausted(spec.retry, attempt, failure.class)) return giveUp(view, moment, failed);
  const notBefore = isoTime(moment.nowMs + backoffMs(spec.retry, attempt));
  const message = `${step} failed (attempt ${attempt} of ${spec.retry.attemptsMax}), next try at ${notBefore}: ${failure.message}`;
  const backingOff = next(view, moment, { ...failed, message, operation: { ...operation, state: 'backoff', notBefore } });
  return { status: withConditionOf(backingOff, moment, 'Ready', 'False', 'ComponentFailure', failure.message) };
}

/**
 * What was running ended: restarts at once the first time, then with growing pauses, and gives up
 * when it would only go round in circles.
 */
export function crashed(view: InstanceView, moment: Moment): InstanceChange | 'restart now' {
  const { spec, status, observed } = view;
  const failure = observed?.failure ?? { class: 'transient' as const, reason: 'Exited', message: 'all components ended' };
  const count = restartsSoFar(view, moment.nowMs);
  const lastFailure = { time: isoTime(moment.nowMs), step: 'restart', ...failure, message: cutMessage(failure.message), retryCount: count };
  const failed = { lastFailure, componentStatus: observed?.components ?? status.componentStatus };
  const hopeless = spec.restart.policy === 'never' || count >= spec.retry.attemptsMax;
  if (hopeless) return giveUp(view, moment, failed);
  if (count === 0) return 'restart now';
  const notBefore = isoTime(moment.nowMs + backoffMs(spec.retry, count));
  const message = `ended ${count + 1} times in a row, next restart at ${notBefore}: ${failure.message}`;
  const operation = { id: moment.operationId, step: 'restart', attempt: count, state: 'backoff' as const, startedAt: isoTime(moment.nowMs), deadlineAt: notBefore, notBefore };
  const backingOff = next(view, moment, { ...failed, message, operation });
  return { status: withConditionOf(backingOff, moment, 'Ready', 'False', 'ComponentFailure', failure.message) };
}

/** Ends what holds nothing. */
export function finished(view: InstanceView, moment: Moment): InstanceChange {
  return { status: ended(view, moment, 'TERMINATED', 'terminated') };
}

/** Takes up a retry: everything that belonged to the failed life is forgotten but its worker. */
export function retried(view: InstanceView, moment: Moment): InstanceChange {
  const status = next(view, moment, {
    phase: 'PENDING',
    message: 'retry: to be placed anew',
    acknowledgedCommand: view.spec.command?.id,
    restarts: { count: 0 },
    halted: undefined,
    startedAt: undefined,
    conditions: view.status.conditions.filter((condition) => condition.type !== 'Scheduled'),
  });
  return { status: withConditionOf(status, moment, 'Ready', 'False', 'Pending', status.message) };
}

/** Takes note of the spec; nothing is to be done. */
export function acknowledged(view: InstanceView, moment: Moment): InstanceChange {
  return { status: next(view, moment, {}) };
}

function nowRunning(view: InstanceView, moment: Moment): InstanceStatus {
  const { status, allocation } = view;
  const startedAt = status.startedAt ?? isoTime(moment.nowMs);
  const running = next(view, moment, {
    phase: 'RUNNING',
    message: `running on worker ${allocation?.workerId}`,
    operation: undefined,
    startedAt,
    componentStatus: view.observed?.components ?? {},
    ...(status.restarts.count > 0 && restartedAt(moment, status.restarts.count)),
  });
  return withConditionOf(running, moment, 'Ready', 'True', 'AllComponentsReady', 'all components are ready');
}

function giveUp(view: InstanceView, moment: Moment, failed: Partial<InstanceStatus>): InstanceChange {
  const { status } = view;
  const step = status.operation?.step ?? 'restart';
  const operation = {
    id: moment.operationId,
    step,
    attempt: status.operation?.attempt ?? 1,
    state: 'undo' as const,
    startedAt: isoTime(moment.nowMs),
    deadlineAt: isoTime(moment.nowMs + instanceSteps.undo.timeoutMs),
  };
  const message = `giving up, undoing: ${failed.lastFailure?.message ?? ''}`;
  const changed = next(view, moment, { ...failed, operation, message });
  return {
    status: withConditionOf(changed, moment, 'Ready', 'False', 'ComponentFailure', message),
    ...(mayExistOnHost(view) && { plan: { wanted: 'absent' as const, attempt: status.attempt } }),
  };
}

function ended(view: InstanceView, moment: Moment, phase: 'TERMINATED' | 'FAILED', message: string): InstanceStatus {
  const resources = Object.fromEntries(Object.entries(view.status.resources).filter(([name]) => name !== 'allocation'));
  const status = next(view, moment, {
    phase,
    message,
    operation: undefined,
    undo: [],
    resources,
    componentStatus: view.observed?.components ?? view.status.componentStatus,
    ...(view.allocation && { formerWorkerId: view.allocation.workerId }),
  });
  return withConditionOf(status, moment, 'Ready', 'False', phase === 'FAILED' ? 'ComponentFailure' : 'Terminated', message);
}

/** `lastAt` is moved to when it came up, once it did: a slow start is no undisturbed run. */
function restartedAt(moment: Moment, count: number): Pick<InstanceStatus, 'restarts'> {
  return { restarts: { count, lastAt: isoTime(moment.nowMs) } };
}

/** Restarts that still count: those after which it did not run for as long as the longest backoff. */
function restartsSoFar(view: InstanceView, nowMs: number): number {
  const { restarts, operation } = view.status;
  // A pause between two tries is no undisturbed run either.
  if (operation?.step === 'restart' || restarts.lastAt === undefined) return restarts.count;
  return nowMs - Date.parse(restarts.lastAt) > view.spec.retry.maxBackoffMs ? 0 : restarts.count;
}

/** The next status: changed fields over the former ones; the time moves only because something else does. */
function next(view: InstanceView, moment: Moment, changes: Partial<InstanceStatus>): InstanceStatus {
  const merged = { ...view.status, observedGeneration: view.spec.generation, ...changes, lastReconcileTime: isoTime(moment.nowMs) };
  // Whichever commit is the first to take a new maxDuration into account: the deadline that people see follows it.
  return { ...merged, deadlineAt: deadlineOf(view.spec, merged), message: cutMessage(merged.message) };
}

function withConditionOf(
  status: InstanceStatus,
  moment: Moment,
  type: 'Ready' | 'Scheduled',
  value: Condition['status'],
  reason: string,
  message: string,
): InstanceStatus {
  const condition: Condition = {
    type,
    status: value,
    reason,
    message: cutMessage(message),
    observedGeneration: status.observedGeneration,
    lastTransitionTime: isoTime(moment.nowMs),
  };
  return { ...status, conditions: withCondition(status.conditions, condition) };
}

function withUndo(undo: readonly UndoEntry[], entry: UndoEntry): readonly UndoEntry[] {
  return [entry, ...undo.filter((other) => other.undo !== entry.undo)];
}

function readyReason(step: HostStep): string {
  if (step === 'start') return 'Starting';
  if (step === 'restart') return 'ComponentFailure';
  return step === 'stop' ? 'Stopping' : 'Terminating';
}

function describeBegin(step: HostStep, attempt: number, halted: string | undefined): string {
  if (halted !== undefined) return `stopping: ${halted}`;
  return attempt === 1 ? `${step} asked of the host` : `${step} asked of the host, attempt ${attempt}`;
}
