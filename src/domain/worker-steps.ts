import type { Next } from './next';
import { run, runAfterBackoff, wait } from './next';
import { hasCommand } from './instance-next';
import type { WorkerPhase } from './phases';
import type { WorkerView } from './worker';

/** The steps of a worker's lifecycle, one row each. Activities carry their names. */
export const workerSteps = {
  /** Has the provider make the host and waits until its agent has registered: RUNNING. */
  provision: { from: ['PENDING', 'PROVISIONING'], undo: 'destroy' },
  /** Closes it to new allocations and waits until the last one is released. */
  drain: { from: ['RUNNING'], undo: undefined },
  /** Has the provider take the host away and confirms that it is gone: TERMINATED. */
  destroy: { from: ['PROVISIONING', 'RUNNING', 'DRAINING', 'STOPPING', 'STOPPED'], undo: undefined },
  /** Takes back what a failed provisioning left: FAILED. */
  undo: { from: ['PROVISIONING'], undo: undefined },
  /** Ends what was never made: TERMINATED. */
  finish: { from: ['PENDING', 'FAILED'], undo: undefined },
  /** Takes up a retry: PENDING again. */
  retry: { from: ['FAILED'], undo: undefined },
  /** Takes note of a spec that asks for nothing to be done. */
  acknowledge: { from: [], undo: undefined },
} as const satisfies Record<string, { readonly from: readonly WorkerPhase[]; readonly undo: 'destroy' | undefined }>;

export type WorkerStep = keyof typeof workerSteps;

/** After this long an attempt to destroy a host has failed; it is then tried again, without end. */
export const destroyTimeoutMs = 60_000;

/** Which step a worker's lifecycle should take now. */
export function nextForWorker(view: WorkerView, nowMs: number): Next<WorkerStep> {
  const { spec, status } = view;
  if (status.phase === 'TERMINATED') return { kind: 'close' };
  if (spec.intent === 'terminated') return towardsTerminated(view);
  if (status.operation?.state === 'undo') return run(status.operation, 'undo');

  const due = dueByPhase(view, nowMs);
  // While it is paused no new step begins.
  const next = due.kind === 'run' && spec.paused && status.operation?.state !== 'acting' ? wait() : due;
  if (next.kind === 'wait' && status.observedGeneration < spec.generation) return run(status.operation, 'acknowledge');
  return next;
}

function towardsTerminated({ status, capacity }: WorkerView): Next<WorkerStep> {
  const holdsInstances = (capacity?.instances ?? 0) > 0;
  switch (status.phase) {
    case 'PENDING':
    case 'FAILED':
      return run(status.operation, 'finish');
    case 'RUNNING':
      return run(status.operation, holdsInstances ? 'drain' : 'destroy');
    case 'DRAINING':
      return holdsInstances ? wait() : run(status.operation, 'destroy');
    default:
      return run(status.operation, 'destroy');
  }
}

function dueByPhase({ spec, status }: WorkerView, nowMs: number): Next<WorkerStep> {
  switch (status.phase) {
    case 'PENDING':
      return run(status.operation, 'provision');
    case 'PROVISIONING':
      return runAfterBackoff(status.operation, 'provision', nowMs);
    case 'FAILED':
      return hasCommand(spec, status) ? run(status.operation, 'retry') : wait();
    default:
      return wait();
  }
}
