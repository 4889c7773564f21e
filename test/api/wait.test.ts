import { credentialsFor } from '../support/credentials';
import { eventually } from '../support/etcd';
import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { WorkerDocument } from '../../src/api/workers/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects, webDocument, workers } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
let worker: WorkerDocument;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
  worker = await objects.worker();
  await lifecycle.provision(worker.id);
});
afterAll(() => api.stop());

const web = { definition: { name: 'web', version: '1.0.0' } };
let nextPort = 2000;
const ports = () => ({ http: nextPort++ });

/** Resolves when an instance has been created and its lifecycle nudged. */
async function created(send: () => Promise<unknown>): Promise<{ id: string; answer: Promise<unknown> }> {
  const nudgesBefore = api.nudges.length;
  const answer = send();
  const nudge = () => api.nudges.slice(nudgesBefore).find((text) => text.startsWith('Instance '));
  await eventually('it is nudged', () => nudge() !== undefined);
  return { id: nudge()!.slice('Instance '.length), answer };
}

test('a create that waits is answered when the phase has come, by what is then', async () => {
  const { id, answer } = await created(() => api.client.post<InstanceDocument>(`${instances}?waitFor=RUNNING&timeout=20s`, web));
  await lifecycle.run(id, worker.id, ports());
  expect(await answer).toMatchObject({ status: 201, body: { id, status: { phase: 'RUNNING' }, ports: { http: expect.any(Number) } } });
});

test('phases that pass quickly are not missed', async () => {
  const { id, answer } = await created(() => api.client.post<InstanceDocument>(`${instances}?waitFor=SCHEDULED&timeout=20s`, web));
  await lifecycle.run(id, worker.id, ports());
  expect(await answer).toMatchObject({ status: 201, body: { id } });
});

test('a wait that is too short is 504 with the present phase, and where the new instance is', async () => {
  const reply = await api.client.post<ProblemBody>(`${instances}?waitFor=RUNNING&timeout=100ms`, web);
  expect(reply).toMatchObject({ status: 504, body: { code: 'wait_timeout', phase: 'PENDING', id: expect.any(String) } });
  expect(reply.headers.get('location')).toBe(`${instances}/${String(reply.body['id'])}`);
  expect(reply.headers.get('berth-revision')).toMatch(/^\d+$/);
});

test('what a server has not seen yet is not gone', async () => {
  const behind = await TestApi.start({ prefix: api.dependencies.etcd.prefix, database: 'unused' });
  try {
    behind.dependencies.cache.stop();
    const reply = await behind.client.post<ProblemBody>(`${workers}?waitFor=RUNNING&timeout=200ms`, { template: 'small' });
    expect(reply).toMatchObject({ status: 504, body: { code: 'wait_timeout' } });
  } finally {
    await behind.stop();
  }
});

test('a wait ends at once, with the reason, when the instance has FAILED', async () => {
  const { id, answer } = await created(() => api.client.post<ProblemBody>(`${instances}?waitFor=RUNNING&timeout=20s`, web));
  await lifecycle.place(id, worker.id, ports());
  await lifecycle.giveUp(id, 'port 80 is taken');
  expect(await answer).toMatchObject({
    status: 409,
    body: { code: 'wait_impossible', phase: 'FAILED', reason: expect.stringContaining('port 80 is taken'), lastFailure: { reason: 'PortTaken' } },
  });
});

test('a wait ends at once when somebody else terminates', async () => {
  const { id, answer } = await created(() => api.client.post<ProblemBody>(`${instances}?waitFor=RUNNING&timeout=20s`, web));
  await api.client.delete(`${instances}/${id}`);
  expect(await answer).toMatchObject({ status: 409, body: { code: 'wait_impossible', reason: 'it is being terminated' } });
});

test('a wait after a stop does not count the RUNNING from before it', async () => {
  const instance = await objects.instance();
  await lifecycle.run(instance.id, worker.id, ports());
  const stopped = api.client.post<InstanceDocument>(`${instances}/${instance.id}/stop?waitFor=STOPPED&timeout=20s`);
  await lifecycleSees(instance.id, 2);
  await lifecycle.begin(instance.id, 'stop');
  await lifecycle.complete(instance.id, 'stop');
  expect(await stopped).toMatchObject({ status: 202, body: { generation: 2, status: { phase: 'STOPPED', observedGeneration: 2 } } });

  // Started again: STOPPED is still there, with generation 2, and must not be taken for an answer.
  const started = api.client.post<InstanceDocument>(`${instances}/${instance.id}/start?waitFor=STOPPED&timeout=300ms`);
  expect(await started).toMatchObject({ status: 504, body: { code: 'wait_timeout', phase: 'STOPPED' } });
});

test('a wait for RUNNING ends when a stop was asked for', async () => {
  const instance = await objects.instance();
  await lifecycle.place(instance.id, worker.id, ports());
  await api.client.post(`${instances}/${instance.id}/stop`);
  const waiting = api.client.get<ProblemBody>(`${instances}/${instance.id}?waitFor=RUNNING&timeout=20s&minRevision=${await api.dependencies.etcd.revision()}`);
  await lifecycle.begin(instance.id, 'stop');
  expect(await waiting).toMatchObject({ status: 409, body: { code: 'wait_impossible', reason: 'it was asked to stop' } });
});

test('a GET waits, too', async () => {
  const instance = await objects.instance();
  const waiting = api.client.get<InstanceDocument>(`${instances}/${instance.id}?waitFor=RUNNING&timeout=20s&minRevision=${instance.revision}`);
  await lifecycle.run(instance.id, worker.id, ports());
  expect(await waiting).toMatchObject({ status: 200, body: { status: { phase: 'RUNNING' } } });
  expect(await api.client.get(`${instances}/${instance.id}?waitFor=RUNNING`)).toMatchObject({ status: 200 });
});

test('200 waiters are served from memory: they cause no etcd read', async () => {
  await objects.definition(webDocument({ name: 'waited-for' }));
  const instance = await objects.instance({ definition: { name: 'waited-for', version: '1.0.0' } });
  await api.dependencies.cache.waitForRevision(Number(instance.revision), 5_000);
  const { etcd } = api.dependencies;
  const calls: string[] = [];
  const original = { range: etcd.raw.kv.range.bind(etcd.raw.kv), txn: etcd.raw.kv.txn.bind(etcd.raw.kv) };
  const spies = [
    jest.spyOn(etcd.raw.kv, 'range').mockImplementation((...call) => (calls.push('range'), original.range(...call))),
    jest.spyOn(etcd.raw.kv, 'txn').mockImplementation((...call) => (calls.push('txn'), original.txn(...call))),
  ];
  try {
    const subscribed = jest.spyOn(api.dependencies.cache, 'waitForObject');
    const waiters = Array.from({ length: 200 }, () => api.client.get<InstanceDocument>(`${instances}/${instance.id}?waitFor=RUNNING&timeout=60s`));
    while (subscribed.mock.calls.length < 200) await new Promise(setImmediate);
    expect(calls).toEqual([]);
    const other = await TestApi.start({ prefix: etcd.prefix, database: 'unused' });
    await new Lifecycle(other).run(instance.id, worker.id, ports());
    await other.stop();
    const replies = await Promise.all(waiters);
    expect(replies.every(({ status, body }) => status === 200 && body.status.phase === 'RUNNING')).toBe(true);
    expect(calls).toEqual([]);
    await api.dependencies.fresh.instance(instance.id);
    expect(calls).toEqual(['range']); // A read would have been seen.
    subscribed.mockRestore();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
});

test('a client that goes away leaves no waiter behind', async () => {
  const instance = await objects.instance();
  const subscribed = jest.spyOn(api.dependencies.cache, 'waitForObject');
  const leaving = new AbortController();
  const asked = fetch(`${api.url}${instances}/${instance.id}?waitFor=RUNNING&timeout=60s`, { headers: credentialsFor(api.url), signal: leaving.signal });
  while (subscribed.mock.calls.length === 0) await new Promise(setImmediate);
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await expect(subscribed.mock.results[0]!.value).resolves.toBeUndefined();
  subscribed.mockRestore();
});

test('workers are waited for in the same way', async () => {
  const made = await objects.worker();
  const waiting = api.client.get<WorkerDocument>(`${workers}/${made.id}?waitFor=RUNNING&timeout=20s&minRevision=${made.revision}`);
  await lifecycle.provision(made.id);
  expect(await waiting).toMatchObject({ status: 200, body: { status: { phase: 'RUNNING' } } });
  const ending = api.client.get<ProblemBody>(`${workers}/${made.id}?waitFor=PROVISIONING&timeout=20s`);
  expect(await ending).toMatchObject({ status: 409, body: { code: 'wait_impossible', phase: 'RUNNING' } });
});

test.each(['waitFor=SLEEPING', 'waitFor=RUNNING&timeout=1h', 'waitFor=RUNNING&timeout=soon', 'wait=RUNNING'])('%s is refused before anything is made', async (query) => {
  const before = await api.keys();
  expect(await api.client.post(`${instances}?${query}`, web)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.keys()).toEqual(before);
});

/** Resolves when etcd has the spec of this generation. */
async function lifecycleSees(instanceId: string, generation: number): Promise<void> {
  while ((await api.dependencies.fresh.instance(instanceId)).spec.value.generation < generation);
}
