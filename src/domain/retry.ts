import type { RetryPolicy } from './definition';
import {
  retryAttemptsMaxDefault,
  retryBackoffFactorDefault,
  retryInitialBackoffMsDefault,
  retryMaxBackoffMsDefault,
} from './limits';
import type { FailureClass } from './plan';
import type { Operation } from './status';

export const retryPolicyDefault: RetryPolicy = {
  attemptsMax: retryAttemptsMaxDefault,
  initialBackoffMs: retryInitialBackoffMsDefault,
  maxBackoffMs: retryMaxBackoffMsDefault,
  factor: retryBackoffFactorDefault,
};

/** How long to wait after the given number of failed attempts (from 1). */
export function backoffMs(policy: RetryPolicy, failedAttempts: number): number {
  const grown = policy.initialBackoffMs * policy.factor ** (failedAttempts - 1);
  return Math.round(Math.min(policy.maxBackoffMs, grown));
}

/** Whether a failure ends the attempts: a wrong configuration does not mend itself. */
export function isExhausted(policy: RetryPolicy, failedAttempts: number, failure: FailureClass): boolean {
  return failure === 'configuration' || failedAttempts >= policy.attemptsMax;
}

/** Attempts of the operation's step that have failed so far. */
export function failedAttempts(operation: Operation): number {
  return operation.state === 'acting' ? operation.attempt - 1 : operation.attempt;
}
