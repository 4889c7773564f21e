import type { InstanceSpec, InstanceStatus, InstanceView } from './instance';
import type { InstanceStep } from './instance-steps';
import { isInFlight } from './instance-steps';
import type { Next } from './next';
import { run, runAfterBackoff, wait } from './next';
import { holdsNothing } from './phases';
import { isoTime } from './status';

/**
 * Which step an instance's lifecycle should take now: from what is wanted, what is, what the host saw, and the time.
 * Everything that calls a lifecycle "due" asks this one function.
 */
export function nextForInstance(view: InstanceView, nowMs: number): Next<InstanceStep> {
  const { spec, status } = view;
  if (status.phase === 'TERMINATED') return { kind: 'close' };
  if (spec.intent === 'terminated') return run(status.operation, holdsNothing(status.phase) ? 'finish' : 'remove');
  if (status.operation?.state === 'undo') return run(status.operation, 'undo');

  const due = dueByPhase(view, nowMs);
  const next = isHeldBack(due, view, nowMs) ? wait(status.phase === 'RUNNING' ? deadlineOf(spec, status) : undefined) : due;
  if (next.kind === 'wait' && status.observedGeneration < spec.generation) return run(status.operation, 'acknowledge');
  return next;
}

/** While it is paused no new step begins. That its time is over is no new step: a bound that a pause lifts would be none. */
function isHeldBack(due: Next<InstanceStep>, view: InstanceView, nowMs: number): boolean {
  const { spec, status } = view;
  return due.kind === 'run' && spec.paused && !isInFlight(due.step, status) && haltReason(view, nowMs) !== 'MaxDurationReached';
}

function dueByPhase(view: InstanceView, nowMs: number): Next<InstanceStep> {
  const { spec, status } = view;
  const running = wantsRunning(spec, status);
  switch (status.phase) {
    case 'PENDING':
      return isQueued(status) ? wait() : run(status.operation, 'schedule');
    case 'SCHEDULED':
      return run(status.operation, running ? 'start' : 'stop');
    case 'INSTANTIATING':
      return running ? runAfterBackoff(status.operation, 'start', nowMs) : run(status.operation, 'stop');
    case 'RUNNING':
      return running ? whileRunning(view, nowMs) : run(status.operation, 'stop');
    case 'STOPPING':
      return run(status.operation, 'stop');
    case 'STOPPED':
      return running ? run(status.operation, 'start') : wait();
    case 'FAILED':
      return hasCommand(spec, status) ? run(status.operation, 'retry') : wait();
    case 'COLLECTING':
    case 'GRADING':
    case 'ARCHIVED':
    case 'TERMINATED':
      return wait();
  }
}

function whileRunning(view: InstanceView, nowMs: number): Next<InstanceStep> {
  const { spec, status } = view;
  if (haltReason(view, nowMs) !== undefined) return run(status.operation, 'stop');
  if (status.operation?.step === 'restart') return runAfterBackoff(status.operation, 'restart', nowMs);
  const ended = endedOnHost(view);
  if (ended === undefined) return wait(deadlineOf(spec, status));
  return ended === 'exited' && spec.restart.policy !== 'always' ? run(status.operation, 'stop') : run(status.operation, 'restart');
}

/** Why a running instance is to stop against its intent, if it is. */
export function haltReason(view: InstanceView, nowMs: number): 'MaxDurationReached' | 'Completed' | undefined {
  const { spec, status } = view;
  if (status.phase !== 'RUNNING') return undefined;
  const deadlineAt = deadlineOf(spec, status);
  if (deadlineAt !== undefined && nowMs >= Date.parse(deadlineAt)) return 'MaxDurationReached';
  if (endedOnHost(view) === 'exited' && spec.restart.policy !== 'always' && status.operation === undefined) return 'Completed';
  return undefined;
}

/**
 * When maxDuration ends an instance: counted from its first RUNNING. From the spec, not from what a status once said:
 * who gave it more time in time must not lose it to a lifecycle that has not taken note yet.
 */
export function deadlineOf(spec: Pick<InstanceSpec, 'maxDurationMs'>, { startedAt }: Pick<InstanceStatus, 'startedAt'>): string | undefined {
  return spec.maxDurationMs === undefined || startedAt === undefined ? undefined : isoTime(Date.parse(startedAt) + spec.maxDurationMs);
}

/** How the present attempt ended on the host, if it did. */
export function endedOnHost({ status, allocation, observed }: InstanceView): 'failed' | 'exited' | undefined {
  if (!observed || observed.allocationId !== allocation?.allocationId || observed.attempt !== status.attempt) return undefined;
  return observed.state === 'failed' || observed.state === 'exited' ? observed.state : undefined;
}

/** What halted an instance outranks its intent until start or retry is asked for anew. */
export function wantsRunning(spec: InstanceSpec, status: InstanceStatus): boolean {
  if (spec.intent !== 'running') return false;
  return status.halted === undefined || spec.intentGeneration > status.halted.generation;
}

/** Whether it waits in the pending queue for the scheduler, because no worker could hold it. */
export function isQueued(status: InstanceStatus): boolean {
  return status.conditions.some((condition) => condition.type === 'Scheduled' && condition.status === 'False');
}

/** Whether the spec holds a command that no status has acted on yet. */
export function hasCommand(spec: { command?: { id: string } }, status: { acknowledgedCommand?: string }): boolean {
  return spec.command !== undefined && spec.command.id !== status.acknowledgedCommand;
}
