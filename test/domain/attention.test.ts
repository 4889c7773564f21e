import { instanceAttention, workerAttention } from '../../src/domain/attention';
import { repairAfterMs } from '../../src/domain/limits';
import type { InstanceStatus } from '../../src/domain/instance';
import { at, newInstance, newWorker, startMs } from '../support/domain-objects';

const operation = { id: 'op', step: 'start', attempt: 1, state: 'acting' as const, startedAt: at(0), deadlineAt: at(600_000) };
const lastFailure = { time: at(500), step: 'start', class: 'transient' as const, reason: 'ExitedEarly', message: 'exit code 1', retryCount: 1 };

function instance(status: Partial<InstanceStatus>) {
  const made = newInstance();
  return { spec: made.spec, status: { ...made.status, observedGeneration: made.spec.generation, ...status } };
}

test('what has just become due is attended to by itself; what stays so is not', () => {
  const pending = instance({});
  expect(instanceAttention(pending, startMs + repairAfterMs - 1)).toBeUndefined();
  expect(instanceAttention(pending, startMs + repairAfterMs)).toMatchObject({ reason: 'unattended', step: 'schedule', phase: 'PENDING', since: at(0) });
});

test('a deadline that passes makes an instance due from then on', () => {
  const acting = instance({ phase: 'INSTANTIATING', attempt: 1, operation, undo: [{ step: 'start', undo: 'remove', attempt: 1 }] });
  expect(instanceAttention(acting, startMs + 600_000 - 1)).toBeUndefined();
  expect(instanceAttention(acting, startMs + 600_000 + repairAfterMs - 1)).toBeUndefined();
  expect(instanceAttention(acting, startMs + 600_000 + repairAfterMs)).toMatchObject({ reason: 'unattended', step: 'start', since: at(600_000) });
});

test.each<[what: string, status: Partial<InstanceStatus>, reason: string | undefined]>([
  ['has failed once', { phase: 'INSTANTIATING', operation: { ...operation, state: 'backoff', notBefore: at(900_000) }, lastFailure }, undefined],
  ['has failed twice', { phase: 'INSTANTIATING', operation: { ...operation, attempt: 2, state: 'backoff', notBefore: at(900_000) }, lastFailure }, 'failing'],
  ['was not answered in time', { phase: 'INSTANTIATING', operation: { ...operation, state: 'backoff', notBefore: at(900_000) }, lastFailure: { ...lastFailure, reason: 'StepTimeout' } }, 'timed_out'],
  ['has given up', { phase: 'FAILED', lastFailure }, 'failed'],
])('an instance that %s', (_what, status, reason) => {
  const found = instanceAttention(instance(status), startMs + 1_000);
  expect(found?.reason).toBe(reason);
  if (reason !== undefined) expect(found).toMatchObject({ step: 'start', since: at(500) });
});

test('a worker that nobody provisions is unattended', () => {
  const { spec, status } = newWorker();
  expect(workerAttention({ spec, status, online: false }, startMs)).toBeUndefined();
  expect(workerAttention({ spec, status, online: false }, startMs + 60_000)).toMatchObject({ reason: 'unattended', step: 'provision', phase: 'PENDING' });
});
