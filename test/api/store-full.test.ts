import type { InstanceDocument } from '../../src/api/instances/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, templates, webDocument, workers } from './support/objects';
import { StoreMaintenance } from '../../src/stores/etcd/maintenance';
import { eventually, OwnEtcd } from '../support/etcd';
import { freshWorld, TestApi } from './support/test-api';

const world = freshWorld();
let roomy: TestApi;
let full: TestApi;
let running: InstanceDocument;
let failed: InstanceDocument;
const keyed = { 'idempotency-key': 'before-it-was-full' };
const web = { definition: { name: 'web', version: '1.0.0' } };

beforeAll(async () => {
  roomy = await TestApi.start(world);
  const objects = new Objects(roomy);
  const lifecycle = new Lifecycle(roomy);
  await objects.definition();
  await objects.template();
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  running = (await roomy.client.post<InstanceDocument>(instances, web, keyed)).body;
  await lifecycle.run(running.id, worker.id, { http: 2000 });
  failed = await objects.instance();
  await lifecycle.place(failed.id, worker.id, { http: 2001 });
  await lifecycle.giveUp(failed.id);
  // The same store, of which so much is used that its quota is nearly reached.
  full = await TestApi.start({ ...world, etcdQuotaBytes: 16 * 1024 });
});
afterAll(() => Promise.all([roomy.stop(), full.stop()]));

test.each([
  ['an instance', instances, web],
  ['a definition', definitions, webDocument({ version: '2.0.0' })],
  ['a worker', workers, { template: 'small' }],
  ['a template', templates, { name: 'other', provider: 'local', capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' } }],
])('%s is refused, as retryable', async (_what, path, body) => {
  const before = await full.keys();
  const reply = await full.client.post<ProblemBody>(path, body);
  expect(reply).toMatchObject({ status: 503, body: { code: 'store_full', retryable: true, quotaBytes: 16 * 1024 } });
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(Number(reply.body['usedBytes'])).toBeGreaterThan(16 * 1024 * 0.7);
  expect(await full.keys()).toEqual(before);
});

test('a retry is new work, too', async () => {
  expect(await full.client.post(`${instances}/${failed.id}/retry`)).toMatchObject({ status: 503, body: { code: 'store_full' } });
});

test('what gives room back still works', async () => {
  expect(await full.client.post(`${instances}/${running.id}/stop`)).toMatchObject({ status: 202 });
  expect(await full.client.delete(`${instances}/${running.id}`)).toMatchObject({ status: 202 });
  expect(await full.client.delete(`${instances}/${failed.id}`)).toMatchObject({ status: 202 });
});

test('a repetition of what was admitted before is answered', async () => {
  const reply = await full.client.post<InstanceDocument>(instances, web, keyed);
  expect(reply).toMatchObject({ status: 201, body: { id: running.id } });
});

test('an etcd that raised its alarm is full, whatever is in use, until the alarm is taken back', async () => {
  const etcd = await OwnEtcd.start({ quotaBytes: 1024 * 1024 });
  let api: TestApi | undefined;
  try {
    const inEtcd = freshWorld({ etcdEndpoint: etcd.url, etcdQuotaBytes: 2 * 1024 ** 3 });
    const template = { name: 'small', provider: 'local', capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' } };
    api = await TestApi.start(inEtcd);
    const { raw } = api.dependencies.etcd;
    const store = new StoreMaintenance(api.dependencies.etcd);
    await expect(raw.kv.put({ key: Buffer.from('filler'), value: Buffer.alloc(1024 * 1024) })).rejects.toThrow('space exceeded');
    await eventually('the api has seen it', async () => (await api!.client.post<ProblemBody>(templates, template)).body.code === 'store_full');
    await store.disarm();
    await eventually('the api has seen that it is over', async () => (await api!.client.post(templates, template)).status === 201);
  } finally {
    await api?.stop();
    await etcd.remove();
  }
});
