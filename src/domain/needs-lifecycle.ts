import type { InstanceView } from './instance';
import { nextForInstance } from './instance-next';
import { isHostStep, isInFlight, settleHostStep } from './instance-steps';
import type { WorkerView } from './worker';
import { nextForWorker } from './worker-steps';

/**
 * Whether an instance's lifecycle has something to do now that no step in flight will do by itself. The repairer
 * nudges what stays due, so a lost nudge, a lost timer or a lost run costs seconds, not the instance.
 */
export function instanceNeedsLifecycle(view: InstanceView, nowMs: number): boolean {
  const next = nextForInstance(view, nowMs);
  if (next.kind !== 'run') return false;
  if (!isHostStep(next.step) || !isInFlight(next.step, view.status)) return true;
  return settleHostStep(next.step, view).kind !== 'pending' || isPast(view.status.operation?.deadlineAt, nowMs);
}

/** Whether a worker's lifecycle has something to do now that no step in flight will do by itself. */
export function workerNeedsLifecycle(view: WorkerView, nowMs: number): boolean {
  const next = nextForWorker(view, nowMs);
  if (next.kind !== 'run') return false;
  const { operation } = view.status;
  const inFlight = operation !== undefined && operation.state !== 'backoff' && (next.step === 'undo' || operation.step === next.step);
  return !inFlight || isPast(operation.deadlineAt, nowMs);
}

function isPast(date: string | undefined, nowMs: number): boolean {
  return date !== undefined && nowMs >= Date.parse(date);
}
