import fc from 'fast-check';
import { retryAttemptsCeiling, retryBackoffFactorCeiling, retryBackoffMsCeiling } from '../../src/domain/limits';
import type { FailureClass } from '../../src/domain/plan';
import { backoffMs, failedAttempts, isExhausted, retryPolicyDefault } from '../../src/domain/retry';
import { operation } from '../support/domain-objects';

describe('the pause after failed attempts', () => {
  it.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [4, 80_000],
    [5, 160_000],
    [6, 300_000],
    [7, 300_000],
    [5_000, 300_000],
  ])('is by default, after %d: %d ms', (failed, pauseMs) => {
    expect(backoffMs(retryPolicyDefault, failed)).toBe(pauseMs);
  });

  it('never shrinks, never exceeds the longest, and is always a date', () => {
    const durations = fc.integer({ min: 0, max: retryBackoffMsCeiling });
    const policies = fc.record({
      attemptsMax: fc.integer({ min: 1, max: retryAttemptsCeiling }),
      initialBackoffMs: durations,
      maxBackoffMs: durations,
      factor: fc.double({ min: 1, max: retryBackoffFactorCeiling, noNaN: true }),
    });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: retryAttemptsCeiling }), (policy, failed) => {
        const [pauseMs, nextMs] = [backoffMs(policy, failed), backoffMs(policy, failed + 1)];
        expect(Number.isSafeInteger(pauseMs)).toBe(true);
        expect(pauseMs).toBeLessThanOrEqual(policy.maxBackoffMs);
        expect(nextMs).toBeGreaterThanOrEqual(pauseMs);
      }),
    );
  });
});

describe('attempts', () => {
  it.each<[failed: number, FailureClass, boolean]>([
    [1, 'transient', false],
    [2, 'transient', false],
    [3, 'transient', true],
    [4, 'host', true],
    [1, 'host', false],
    [1, 'resource', false],
    // A wrong configuration does not mend itself.
    [1, 'configuration', true],
  ])('after %d, the last one failed by its %s, are used up: %s', (failed, failure, expected) => {
    expect(isExhausted(retryPolicyDefault, failed, failure)).toBe(expected);
  });

  it.each([
    ['acting', 1, 0],
    ['acting', 3, 2],
    ['backoff', 1, 1],
    ['undo', 3, 3],
  ] as const)('%s at attempt %d: %d have failed', (state, attempt, failed) => {
    expect(failedAttempts(operation('start', state, { attempt }))).toBe(failed);
  });
});
