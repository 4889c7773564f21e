import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

interface Timed extends InstanceReply {
  readonly paused: boolean;
  readonly status: InstanceReply['status'] & { readonly startedAt: string; readonly deadlineAt?: string; readonly lastReconcileTime: string };
}

let stack: TestStack;
let api: Client;
let workerId: string;

beforeAll(async () => {
  stack = await startTestStack();
  api = new Client(stack.apis[0]!);
  workerId = await api.makeWorker({ from: 23_000, to: 23_999 });
}, 240_000);

afterAll(async () => {
  await stack?.end();
}, 120_000);

async function running(request: Record<string, unknown> = {}): Promise<Timed> {
  const definition = await api.define({ components: [noopComponent] });
  return api.must<Timed>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition, ...request });
}

const patch = (id: string, body: unknown, query = '') => api.must<Timed>('PATCH', `/instances/${id}${query}`, body);
const show = (id: string) => api.must<Timed>('GET', `/instances/${id}`);

test('an instance that runs without an end gets one, and stops then', async () => {
  const { id, status } = await running();
  expect(status.deadlineAt).toBeUndefined();
  await patch(id, { maxDuration: '2s' });
  const stopped = await api.must<Timed>('GET', `/instances/${id}?waitFor=STOPPED&timeout=60s`);
  expect(stopped.status).toMatchObject({ halted: { reason: 'MaxDurationReached' }, deadlineAt: after(status.startedAt, 2_000) });
  expect(Date.parse(stopped.status.lastReconcileTime)).toBeGreaterThanOrEqual(Date.parse(stopped.status.deadlineAt!));
}, 180_000);

test('an instance that gets more time outlives its former end', async () => {
  const { id, status } = await running({ maxDuration: '5s' });
  await patch(id, { maxDuration: '1h' });
  const taken = await api.until('the new deadline', async () => {
    const shown = await show(id);
    return shown.status.deadlineAt === after(status.startedAt, 3_600_000) && shown;
  });
  expect(taken.status.phase).toBe('RUNNING');
  await api.until('the former end to have passed', async () => Date.now() > Date.parse(status.deadlineAt!) + 500);
  // Whatever was due at the former end is settled before a later change is taken note of.
  const { generation } = await patch(id, { labels: { asked: 'again' } });
  await api.until('the lifecycle to have looked again', async () => (await show(id)).status.observedGeneration === generation);
  expect((await show(id)).status.phase).toBe('RUNNING');
}, 180_000);

test('while it is paused no new step begins, and when it is not any more it goes on', async () => {
  const { id } = await running();
  const paused = await patch(id, { paused: true });
  expect(paused).toMatchObject({ paused: true });
  const { generation } = await api.must<Timed>('POST', `/instances/${id}/stop`);
  // Without the pause this generation would be seen first in STOPPING.
  const held = await api.until('the stop to be taken note of', async () => {
    const shown = await show(id);
    return shown.status.observedGeneration === generation && shown;
  });
  expect(held.status.phase).toBe('RUNNING');
  const stopped = await patch(id, { paused: false }, '?waitFor=STOPPED&timeout=60s');
  expect(stopped).toMatchObject({ paused: false, status: { phase: 'STOPPED' } });
}, 180_000);

test('a pause does not lift the bound of its time', async () => {
  const { id } = await running();
  await patch(id, { paused: true, maxDuration: '2s' });
  const stopped = await api.must<Timed>('GET', `/instances/${id}?waitFor=STOPPED&timeout=60s`);
  expect(stopped).toMatchObject({ paused: true, status: { halted: { reason: 'MaxDurationReached' } } });
}, 180_000);

test('a worker’s labels and its pause decide what lands on it from then on', async () => {
  const definition = await api.define({ components: [noopComponent], constraints: { labels: { tier: 'gold' } } });
  const queued = async () => {
    const { id } = await api.must<Timed>('POST', '/instances', { definition });
    const isQueued = async () => (await show(id)).status.conditions.some(({ type, status }) => type === 'Scheduled' && status === 'False');
    await api.until('it to wait in the queue', isQueued);
    return id;
  };
  const becomesRunning = (id: string) => api.must<Timed>('GET', `/instances/${id}?waitFor=RUNNING&timeout=60s`);

  const first = await queued();
  await api.must('PATCH', `/workers/${workerId}`, { labels: { tier: 'gold' } });
  expect((await becomesRunning(first)).worker?.id).toBe(workerId);

  await api.must('PATCH', `/workers/${workerId}`, { paused: true });
  const second = await queued();
  await api.must('PATCH', `/workers/${workerId}`, { paused: false });
  await becomesRunning(second);

  await api.must('PATCH', `/workers/${workerId}`, { labels: { tier: null } });
  await queued();
  expect((await show(first)).status.phase).toBe('RUNNING');
}, 180_000);

test('a rollback gives back what a patch took, also of what is recorded by now', async () => {
  const { id, revision } = await running({ maxDuration: '1h', labels: { zone: 'a' } });
  await patch(id, { maxDuration: null, labels: null });
  const back = await api.must<Timed & { labels: unknown }>('POST', `/instances/${id}/rollback`, { revision });
  expect(back).toMatchObject({ labels: { zone: 'a' }, spec: { maxDurationMs: 3_600_000 } });
  await api.until('the deadline to be there again', async () => (await show(id)).status.deadlineAt === after(back.status.startedAt, 3_600_000));
  const historyOf = () => api.must<{ items: Array<{ type: string; workflowRun?: string; actor: string }> }>('GET', `/instances/${id}/history?limit=200`);
  // A lifecycle that was slow finds the deadline as it is to be, and has nothing to do but to say so.
  const history = await api.until('the lifecycle has taken note', async () => {
    const now = await historyOf();
    return now.items.some(({ type }) => type === 'berth.instance.updated') && now;
  });
  const types = history.items.map(({ type }) => type.replace('berth.instance.', ''));
  expect(types).toEqual(expect.arrayContaining(['created', 'running', 'patch-requested', 'rollback-requested']));
  expect(history.items.find(({ type }) => type === 'berth.instance.running')).toMatchObject({ actor: 'lifecycle', workflowRun: expect.any(String) });
}, 180_000);

function after(iso: string, ms: number): string {
  return new Date(Date.parse(iso) + ms).toISOString();
}
