import { judgeInstance } from '../../src/api/instances/wait';
import { judgeWorker } from '../../src/api/workers/wait';
import { isLoopback } from '../../src/api/loopback';
import { isNews } from '../../src/api/internal/observations';
import type { InstanceView } from '../../src/domain/instance';
import type { Observation } from '../../src/domain/plan';
import type { WorkerView } from '../../src/domain/worker';
import type { InstanceEntries, WorkerEntries } from '../../src/stores/etcd/objects';
import { newInstance, newWorker, observationOf, withSpec, withStatus } from '../support/domain-objects';

const entriesOf = ({ spec, status }: InstanceView) => ({ id: spec.id, spec: { value: spec, revision: 1 }, status: { value: status, revision: 1 } }) as InstanceEntries;
const workerEntriesOf = ({ spec, status }: WorkerView) => ({ id: spec.id, spec: { value: spec, revision: 1 }, status: { value: status, revision: 1 } }) as WorkerEntries;

const pending = newInstance();
const running = withStatus(pending, { phase: 'RUNNING' });
const failed = withStatus(pending, { phase: 'FAILED', message: 'no' });
const retried = withSpec(failed, { generation: 2, command: { id: 'c-1', kind: 'retry', generation: 2 } });
const stopped = withSpec(withStatus(pending, { phase: 'STOPPED' }), { intent: 'stopped' });
const halted = withStatus(pending, { phase: 'STOPPED', halted: { reason: 'Completed', generation: 1 } });
const terminating = withSpec(running, { intent: 'terminated', generation: 2 });
const terminated = withStatus(terminating, { phase: 'TERMINATED' });

test.each([
  ['there', running, 'RUNNING', 1, 'reached'],
  ['on its way', pending, 'RUNNING', 1, 'may come'],
  ['there from before the change', running, 'RUNNING', 2, 'may come'],
  ['failed', failed, 'RUNNING', 1, 'impossible'],
  ['failed, which was waited for', failed, 'FAILED', 1, 'reached'],
  ['failed, from before the retry', retried, 'RUNNING', 2, 'may come'],
  ['failed, and a retry is not taken up yet', retried, 'RUNNING', 1, 'may come'],
  ['failed, and may still be terminated', failed, 'TERMINATED', 1, 'may come'],
  ['stopped, as was asked for', stopped, 'RUNNING', 1, 'impossible'],
  ['halted against its intent', halted, 'RUNNING', 1, 'impossible'],
  ['running, and may be stopped', running, 'STOPPED', 1, 'may come'],
  ['being terminated', terminating, 'RUNNING', 1, 'impossible'],
  ['being terminated', terminating, 'TERMINATED', 2, 'may come'],
  ['being terminated', terminating, 'STOPPING', 2, 'may come'],
  ['terminated', terminated, 'TERMINATED', 9, 'reached'],
  ['terminated', terminated, 'STOPPED', 1, 'impossible'],
] as const)('an instance that is %s: %#', (_what, view, wanted, generation, verdict) => {
  expect(spoken(judgeInstance(entriesOf(view), wanted, generation))).toBe(verdict);
});

const worker = newWorker();
const workerIn = (phase: WorkerView['status']['phase'], intent: 'running' | 'terminated' = 'running') =>
  workerEntriesOf({ ...worker, spec: { ...worker.spec, intent }, status: { ...worker.status, phase } });

test.each([
  ['RUNNING', 'running', 'RUNNING', 'reached'],
  ['PENDING', 'running', 'RUNNING', 'may come'],
  ['RUNNING', 'running', 'PROVISIONING', 'impossible'],
  ['FAILED', 'running', 'RUNNING', 'impossible'],
  ['RUNNING', 'terminated', 'DRAINING', 'may come'],
  ['RUNNING', 'terminated', 'TERMINATED', 'may come'],
  ['PROVISIONING', 'terminated', 'RUNNING', 'impossible'],
  ['TERMINATED', 'terminated', 'TERMINATED', 'reached'],
  ['TERMINATED', 'terminated', 'RUNNING', 'impossible'],
] as const)('a worker that is %s, wanted %s, and waited for to be %s: %s', (phase, intent, wanted, verdict) => {
  expect(spoken(judgeWorker(workerIn(phase, intent), wanted, 1))).toBe(verdict);
});

function spoken(verdict: ReturnType<typeof judgeInstance>): string {
  if (verdict === undefined) return 'may come';
  return 'reached' in verdict ? 'reached' : 'impossible';
}

test.each<[what: string, known: Partial<Observation>, next: Partial<Observation>, news: boolean]>([
  ['a later attempt', { attempt: 1, state: 'absent' }, { attempt: 2, state: 'starting' }, true],
  ['an earlier attempt', { attempt: 2, state: 'starting' }, { attempt: 1, state: 'absent' }, false],
  ['a later state', { state: 'running' }, { state: 'failed' }, true],
  ['an earlier state', { state: 'running' }, { state: 'starting' }, false],
  ['another end of the same attempt', { state: 'failed' }, { state: 'exited' }, false],
  ['the same', { state: 'running' }, { state: 'running', observedAt: 'later' }, false],
  ['the same state, other components', { state: 'running' }, { state: 'running', components: { web: { state: 'ready' } } }, true],
  ['the same state, other components, of an older plan', { state: 'running', planRevision: '10' }, { state: 'running', planRevision: '9', components: { web: { state: 'ready' } } }, false],
  ['the same state under a newer plan', { state: 'stopped', planRevision: '9' }, { state: 'stopped', planRevision: '10' }, true],
  ['another allocation', { allocationId: 'a-1', attempt: 5 }, { allocationId: 'a-2', attempt: 1 }, true],
])('an observation of %s', (_what, known, next, news) => {
  expect(isNews(observationOf(pending, next.state ?? 'running', next), observationOf(pending, known.state ?? 'running', known))).toBe(news);
});

test.each(['127.0.0.1', '127.8.8.8', '::1', '[::1]', 'localhost'])('%s is loopback', (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each(['0.0.0.0', '::', '', '192.168.1.1', 'example.org', '127.0.0.1.example.org', 'localhost.example.org'])('%s is not', (host) => {
  expect(isLoopback(host)).toBe(false);
});
