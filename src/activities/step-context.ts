import { startWaitMs } from '../domain/limits';

export const heartbeatIntervalMs = 2_000;

/** How a step is run: quickly inside the workflow task, or visibly, for as long as it takes. */
export interface StepContext {
  readonly visible: boolean;
  /** Aborted when the lifecycle goes another way. */
  readonly signal: AbortSignal;
  /** Tells operators what it is waiting for; shown with the activity's heartbeat. */
  report?(detail: string): void;
}

/** How long a step may wait for the host now. A local one is bounded, because no nudge is heard meanwhile. */
export function patienceMs(context: StepContext, deadlineAt: string | undefined, nowMs: number): number {
  const untilDeadlineMs = deadlineAt === undefined ? Infinity : Math.max(0, Date.parse(deadlineAt) - nowMs);
  return context.visible ? Math.min(untilDeadlineMs, maxTimerMs) : Math.min(untilDeadlineMs, startWaitMs);
}

/** setTimeout takes no longer ones. */
const maxTimerMs = 2 ** 31 - 1;
