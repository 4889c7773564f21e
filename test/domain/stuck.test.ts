import type { LastFailure, Operation } from '../../src/domain/status';
import { isStuck, stepTimeoutReason } from '../../src/domain/stuck';
import { at, operation } from '../support/domain-objects';

function failedBy(reason: string): LastFailure {
  return { time: at(0), step: 'start', class: 'transient', reason, message: '', retryCount: 1 };
}

describe('an object is stuck', () => {
  it.each<[what: string, phase: string, operation: Operation | undefined, lastFailure: LastFailure | undefined, stuck: boolean]>([
    ['running', 'RUNNING', undefined, undefined, false],
    ['running, after an old timeout', 'RUNNING', undefined, failedBy(stepTimeoutReason), false],
    ['at its first attempt', 'INSTANTIATING', operation('start', 'acting'), undefined, false],
    ['at a first attempt, after an old timeout', 'INSTANTIATING', operation('start', 'acting'), failedBy(stepTimeoutReason), false],
    ['after one failure', 'INSTANTIATING', operation('start', 'backoff'), failedBy('ExitedEarly'), false],
    ['at a second attempt', 'INSTANTIATING', operation('start', 'acting', { attempt: 2 }), failedBy('ExitedEarly'), false],
    ['after one timeout', 'INSTANTIATING', operation('start', 'backoff'), failedBy(stepTimeoutReason), true],
    ['at a second attempt, after a timeout', 'STOPPING', operation('stop', 'acting', { attempt: 2 }), failedBy(stepTimeoutReason), true],
    ['after a second failure', 'INSTANTIATING', operation('start', 'backoff', { attempt: 2 }), failedBy('ExitedEarly'), true],
    ['at a third attempt', 'INSTANTIATING', operation('start', 'acting', { attempt: 3 }), failedBy('ExitedEarly'), true],
    ['undoing after three', 'INSTANTIATING', operation('start', 'undo', { attempt: 3 }), failedBy('ExitedEarly'), true],
    ['failed', 'FAILED', undefined, failedBy('ExitedEarly'), true],
    ['retried', 'PENDING', undefined, failedBy('ExitedEarly'), false],
  ])('%s', (_what, phase, current, lastFailure, stuck) => {
    expect(isStuck({ phase, ...(current && { operation: current }), ...(lastFailure && { lastFailure }) })).toBe(stuck);
  });
});
