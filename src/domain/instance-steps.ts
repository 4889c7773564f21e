import type { InstanceStatus, InstanceView } from './instance';
import type { InstancePhase } from './phases';
import type { ObservedFailure, Wanted } from './plan';

/**
 * The steps of an instance's lifecycle, one row each. Activities carry their names.
 * A new step is a new row, and the tests that attack each step read them from here.
 */
export const instanceSteps = {
  /** Finds a worker and allocates ports and capacity on it. */
  schedule: { from: ['PENDING'], undo: 'release', timeoutMs: 10_000 },
  /** Has the host start all components and waits until they are ready. */
  start: { from: ['SCHEDULED', 'INSTANTIATING', 'STOPPED'], undo: 'remove', timeoutMs: 10 * 60_000 },
  /** Has the host start anew what ended while it should run. */
  restart: { from: ['RUNNING'], undo: 'remove', timeoutMs: 10 * 60_000 },
  /** Has the host stop all components; directory, ports and capacity stay. */
  stop: { from: ['SCHEDULED', 'INSTANTIATING', 'RUNNING', 'STOPPING'], undo: undefined, timeoutMs: 60_000 },
  /** Has the host stop and remove everything, then releases the allocation: TERMINATED. */
  remove: {
    from: ['SCHEDULED', 'INSTANTIATING', 'RUNNING', 'COLLECTING', 'GRADING', 'STOPPING', 'STOPPED', 'ARCHIVED'],
    undo: undefined,
    timeoutMs: 60_000,
  },
  /** Takes back what a failed start left, then releases the allocation: FAILED. */
  undo: { from: ['SCHEDULED', 'INSTANTIATING', 'RUNNING'], undo: undefined, timeoutMs: 60_000 },
  /** Ends what holds nothing: TERMINATED. */
  finish: { from: ['PENDING', 'FAILED'], undo: undefined, timeoutMs: 10_000 },
  /** Takes up a retry: PENDING again, to be placed anew. */
  retry: { from: ['FAILED'], undo: undefined, timeoutMs: 10_000 },
  /** Takes note of a spec that asks for nothing to be done. */
  acknowledge: { from: [], undo: undefined, timeoutMs: 10_000 },
} as const satisfies Record<string, StepRow>;

interface StepRow {
  /** Phases in which the step may run; empty: in any. */
  readonly from: readonly InstancePhase[];
  /** What takes its effect back; in status before the step acts. */
  readonly undo: 'release' | 'remove' | undefined;
  /** After this long an attempt has failed. */
  readonly timeoutMs: number;
}

export type InstanceStep = keyof typeof instanceSteps;

/** Steps whose effect is at the host: they change the plan and are done when the host says so. */
export const hostSteps = {
  start: { enters: 'INSTANTIATING', wanted: 'running', newAttempt: true },
  restart: { enters: 'RUNNING', wanted: 'running', newAttempt: true },
  stop: { enters: 'STOPPING', wanted: 'stopped', newAttempt: false },
  remove: { enters: 'STOPPING', wanted: 'absent', newAttempt: false },
  undo: { enters: undefined, wanted: 'absent', newAttempt: false },
} as const satisfies Partial<Record<InstanceStep, HostStepRow>>;

interface HostStepRow {
  /** Undefined: the phase stays as it is. */
  readonly enters: InstancePhase | undefined;
  readonly wanted: Wanted;
  /** Whether the host is asked for a start of its own number. */
  readonly newAttempt: boolean;
}

export type HostStep = keyof typeof hostSteps;

export function isHostStep(step: InstanceStep): step is HostStep {
  return step in hostSteps;
}

/** Whether the step's operation is under way already, so that running the step again only waits for it. */
export function isInFlight(step: InstanceStep, status: InstanceStatus): boolean {
  const { operation } = status;
  if (step === 'undo') return operation?.state === 'undo';
  return operation?.step === step && operation.state === 'acting';
}

export type Settled = { readonly kind: 'pending' } | { readonly kind: 'done' } | { readonly kind: 'failed'; readonly failure: ObservedFailure };

/**
 * What the host's observation says about a step in flight. An observation of an earlier attempt says nothing,
 * and within one attempt states only go forward, so an old `stopped` is never taken for a new one.
 */
export function settleHostStep(step: HostStep, view: InstanceView): Settled {
  const { status, allocation, observed } = view;
  const { wanted } = hostSteps[step];
  if (wanted !== 'running' && !mayExistOnHost(view)) return { kind: 'done' };
  if (!observed || observed.allocationId !== allocation?.allocationId || observed.attempt !== status.attempt) return { kind: 'pending' };
  const { state } = observed;
  if (wanted === 'running') {
    // A short job may have run to its end before anybody looked; what that means is decided in RUNNING.
    if (state === 'running' || state === 'exited') return { kind: 'done' };
    if (state === 'failed') return { kind: 'failed', failure: observed.failure ?? unexplained };
    return { kind: 'pending' };
  }
  if (state === 'absent' || (wanted === 'stopped' && state === 'stopped')) return { kind: 'done' };
  return { kind: 'pending' };
}

/** Whether a host was ever told of the present allocation. */
export function mayExistOnHost(view: { readonly status: Pick<InstanceStatus, 'undo'> }): boolean {
  return view.status.undo.some((entry) => entry.undo === 'remove');
}

const unexplained: ObservedFailure = { class: 'transient', reason: 'Unexplained', message: 'the host gave no reason' };
