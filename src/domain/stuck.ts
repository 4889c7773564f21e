import { failedAttempts } from './retry';
import type { LastFailure, Operation } from './status';

/** `reason` of a failure that is a step's passed timeout. */
export const stepTimeoutReason = 'StepTimeout';

/**
 * Whether a person should look: from a step's second failed attempt, or from its passed timeout, until the next
 * step succeeds; and always in FAILED.
 */
export function isStuck(status: { phase: string; operation?: Operation; lastFailure?: LastFailure }): boolean {
  const { phase, operation, lastFailure } = status;
  if (phase === 'FAILED') return true;
  if (!operation) return false;
  const failed = failedAttempts(operation);
  return failed >= 2 || (failed === 1 && lastFailure?.reason === stepTimeoutReason);
}
