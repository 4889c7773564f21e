import type { Logger } from 'pino';
import type { ObjectReference } from '../domain/answer';
import type { Cause } from '../domain/events';
import { loggedCause } from '../domain/trace-context';

/** The object of a line, and the request that its lifecycle follows. A nudge says nothing, so the spec is asked who wanted this. */
export interface StepOf extends ObjectReference {
  readonly cause: Cause;
  readonly step: string;
}

/** What a lifecycle committed, for whoever looks for a request in the log. */
export function logCommitted(log: Logger, of: StepOf, committed: { readonly outcome: string; readonly phase: string; readonly revision: number }): void {
  log.info({ ...boundTo(of), ...committed }, 'a step was committed');
}

/** Runs a step; one that fails is logged with the request that it belongs to, which the engine knows nothing of. */
export async function logFailure<T>(log: Logger, of: StepOf, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (err) {
    log.warn({ ...boundTo(of), err }, 'a step failed');
    throw err;
  }
}

function boundTo({ kind, id, step, cause }: StepOf): object {
  return { kind, object: id, step, ...loggedCause(cause) };
}
