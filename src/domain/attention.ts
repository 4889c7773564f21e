import type { InstanceView } from './instance';
import { nextForInstance } from './instance-next';
import { repairAfterMs } from './limits';
import { instanceNeedsLifecycle, workerNeedsLifecycle } from './needs-lifecycle';
import type { Next } from './next';
import { isoTime } from './status';
import { isStuck, stepTimeoutReason } from './stuck';
import type { WorkerView } from './worker';
import { nextForWorker } from './worker-steps';

/** Why a person should look at an object. */
export type AttentionReason = 'failed' | 'failing' | 'timed_out' | 'unattended';

/** What a person should look at, since when, and what they may do about it. */
export interface Attention {
  readonly phase: string;
  readonly reason: AttentionReason;
  /** The step that fails, or that nobody takes. */
  readonly step?: string;
  /** ISO 8601. */
  readonly since: string;
  readonly message: string;
  readonly advice: string;
}

type Status = InstanceView['status'] | WorkerView['status'];

/** What there is to say of an instance that is stuck, or due with nobody attending to it; undefined when all is well. */
export function instanceAttention(view: InstanceView, nowMs: number): Attention | undefined {
  const due = instanceNeedsLifecycle(view, nowMs) ? nextForInstance(view, nowMs) : undefined;
  return attention(view, due, nowMs, [view.observed?.observedAt]);
}

/** The same of a worker. */
export function workerAttention(view: WorkerView, nowMs: number): Attention | undefined {
  const due = workerNeedsLifecycle(view, nowMs) ? nextForWorker(view, nowMs) : undefined;
  return attention(view, due, nowMs, [view.observed?.observedAt]);
}

function attention(
  { spec, status }: { readonly spec: { readonly updatedAt: string }; readonly status: Status },
  due: Next<string> | undefined,
  nowMs: number,
  seenAt: ReadonlyArray<string | undefined>,
): Attention | undefined {
  const { phase, operation, lastFailure } = status;
  if (due?.kind === 'run') {
    const dueSinceMs = latestOf([spec.updatedAt, status.lastReconcileTime, ...seenAt, past(operation?.deadlineAt, nowMs), past(operation?.notBefore, nowMs)]);
    if (nowMs - dueSinceMs >= repairAfterMs) {
      return { phase, reason: 'unattended', step: due.step, since: isoTime(dueSinceMs), message: `${due.step} is due and nobody takes it`, advice: advices.unattended };
    }
  }
  if (!isStuck(status)) return undefined;
  const reason = phase === 'FAILED' ? 'failed' : lastFailure?.reason === stepTimeoutReason ? 'timed_out' : 'failing';
  const step = lastFailure?.step ?? operation?.step;
  return { phase, reason, ...(step !== undefined && { step }), since: lastFailure?.time ?? status.lastReconcileTime, message: status.message, advice: advices[reason] };
}

const advices: Readonly<Record<AttentionReason, string>> = {
  failed: 'mend what the message names, then ask for retry; or terminate it',
  failing: 'it tries again by itself; mend what the message names, or terminate it',
  timed_out: 'its host does not answer in time: look whether the worker is Healthy, then nudge it or terminate it',
  unattended: 'nudge it; if that does not help, look whether a controller leads and the engine answers',
};

function latestOf(times: ReadonlyArray<string | undefined>): number {
  return Math.max(...times.map((time) => (time === undefined ? 0 : Date.parse(time))));
}

/** A time that has come; what is still ahead is no reason to be due. */
function past(time: string | undefined, nowMs: number): string | undefined {
  return time !== undefined && Date.parse(time) <= nowMs ? time : undefined;
}
