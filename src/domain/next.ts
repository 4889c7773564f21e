import type { Operation } from './status';

/** What a lifecycle should do now. The workflow obeys it and decides nothing itself. */
export type Next<Step extends string = string> =
  | { readonly kind: 'run'; readonly step: Step; /** Which try of this step it is, from 1. */ readonly attempt: number }
  | { readonly kind: 'wait'; /** Epoch milliseconds; absent: until something happens. */ readonly untilMs?: number }
  | { readonly kind: 'close' };

/** Waits until something happens, or until a date. */
export function wait(untilIso?: string): { readonly kind: 'wait'; readonly untilMs?: number } {
  return untilIso === undefined ? { kind: 'wait' } : { kind: 'wait', untilMs: Date.parse(untilIso) };
}

/** Runs a step: the one in flight goes on, one that has backed off comes to its next attempt, another one begins. */
export function run<Step extends string>(operation: Operation | undefined, step: Step): Next<Step> {
  if (operation?.step !== step) return { kind: 'run', step, attempt: 1 };
  return { kind: 'run', step, attempt: operation.state === 'backoff' ? operation.attempt + 1 : operation.attempt };
}

/** Runs a step unless it failed and its time to back off has not passed. */
export function runAfterBackoff<Step extends string>(operation: Operation | undefined, step: Step, nowMs: number): Next<Step> {
  const waiting = operation?.state === 'backoff' && operation.notBefore !== undefined && nowMs < Date.parse(operation.notBefore);
  return waiting ? wait(operation.notBefore) : run(operation, step);
}
