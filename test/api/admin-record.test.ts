import type { EventLogDocument } from '../../src/api/admin/event-log';
import type { ProjectionsDocument, RebuildDocument } from '../../src/api/admin/projections';
import { keys } from '../../src/stores/etcd/keys';
import { chance } from '../support/chance';
import { makeWorker, RandomWriter } from '../support/random-writer';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects } from './support/objects';
import { project } from './support/projecting';
import { TestApi, toldWorld } from './support/test-api';

const admin = '/api/v1/admin';
let api: TestApi;
let objects: Objects;
let lifecycle: Lifecycle;
beforeEach(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
});
afterEach(() => api.stop());

async function ask<Body>(method: 'get' | 'post', path: string): Promise<Body> {
  const reply = await api.client[method]<Body>(admin + path);
  expect(reply).toMatchObject({ status: 200 });
  return reply.body;
}

/** An instance with four events: created, placed, begun, running. */
async function running(): Promise<string> {
  await objects.definition();
  await objects.template();
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const { id } = await objects.instance();
  await lifecycle.run(id, worker.id, { http: 2000 });
  return id;
}

async function put(key: string, value: unknown): Promise<void> {
  const { etcd } = api.dependencies;
  await etcd.raw.put(etcd.prefix + key).value(JSON.stringify(value));
}

describe('the log of an object', () => {
  test('says of each event whether it is recorded yet, and shows what somebody took out of the record', async () => {
    const id = await running();
    await project(api);
    await api.client.delete(`${instances}/${id}`);
    const whole = await ask<EventLogDocument>('get', `/objects/instances/${id}/events`);
    expect(whole.items.map((item) => [item.event.sequence, item.in])).toEqual([[1, 'record'], [2, 'record'], [3, 'record'], [4, 'record'], [5, 'outbox']]);
    expect(whole).toMatchObject({ gaps: [], lastSequence: 5 });

    await api.mongo.collection('audit_events').deleteOne({ subject: id, sequence: 3 });
    expect(await ask('get', `/objects/instances/${id}/events`)).toMatchObject({ gaps: [{ after: 2, before: 4 }] });
    await api.mongo.collection('audit_events').deleteMany({ subject: id, sequence: 1 });
    expect(await ask('get', `/objects/instances/${id}/events`)).toMatchObject({ gaps: [{ after: 0, before: 2 }, { after: 2, before: 4 }] });
  });

  test('shows that its last events are missing, which the object knows of', async () => {
    const id = await running();
    await project(api);
    await api.mongo.collection('audit_events').deleteMany({ subject: id, sequence: { $gt: 2 } });
    expect(await ask('get', `/objects/instances/${id}/events`)).toMatchObject({ gaps: [{ after: 2, before: 5 }], lastSequence: 4 });
  });

  test('comes in pages, and a gap between two pages is seen', async () => {
    const id = await running();
    await project(api);
    const first = await ask<EventLogDocument>('get', `/objects/instances/${id}/events?limit=2`);
    expect(first).toMatchObject({ gaps: [], nextAfterSequence: 2 });
    await api.mongo.collection('audit_events').deleteOne({ subject: id, sequence: 3 });
    const second = await ask<EventLogDocument>('get', `/objects/instances/${id}/events?limit=2&afterSequence=2`);
    expect(second).toMatchObject({ gaps: [{ after: 2, before: 4 }] });
    expect(second.items.map(({ event }) => event.sequence)).toEqual([4]);
  });

  test.each(['workers', 'definitions', 'worker-templates'])('is there for %s', async (kind) => {
    const made = { workers: async () => (await objects.template(), objects.worker()), definitions: () => objects.definition(), 'worker-templates': () => objects.template() };
    const { id } = await made[kind as keyof typeof made]();
    expect((await ask<EventLogDocument>('get', `/objects/${kind}/${id}/events`)).items.map((item) => item.in)).toEqual(['outbox']);
  });

  test('of what is not there, or of no kind, is refused', async () => {
    expect(await api.client.get(`${admin}/objects/instances/i-none/events`)).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
    expect(await api.client.get(`${admin}/objects/worker-templates/t-none/events`)).toMatchObject({ status: 404, body: { code: 'template_not_found' } });
    const { id } = await objects.definition();
    expect(await api.client.get(`${admin}/objects/workers/${id}/events`)).toMatchObject({ status: 404, body: { code: 'worker_not_found' } });
    expect(await api.client.get(`${admin}/objects/ships/x/events`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

test('the record says how far it is behind, and that nobody attends to it', async () => {
  expect(await ask('get', '/projections')).toMatchObject({ items: [{ name: 'record', state: 'current', lagEvents: 0, lagMs: 0 }] });
  const { revision } = await objects.definition();
  await objects.template();
  const behind = await ask<ProjectionsDocument>('get', '/projections');
  expect(behind.items[0]).toMatchObject({ state: 'unattended', lagEvents: 2, checkpoint: revision });
  expect(behind.items[0]!.lagMs).toBeGreaterThanOrEqual(0);
  await project(api);
  expect(await ask('get', '/projections')).toMatchObject({ items: [{ state: 'current', lagEvents: 0 }] });
});

describe('a rebuild from the log', () => {
  beforeEach(async () => {
    await api.stop();
    api = await TestApi.start(toldWorld());
    objects = new Objects(api);
    lifecycle = new Lifecycle(api);
  });

  const seed = Math.floor(Math.random() * 2 ** 31);

  test(`is equal to the live store after random changes, recorded or not (seed ${seed})`, async () => {
    const { etcd } = api.dependencies;
    await Promise.all(['w-1', 'w-2'].map((id) => makeWorker(etcd, id)));
    const writer = new RandomWriter({ client: etcd, name: 'one', random: chance(seed), workerIds: ['w-1', 'w-2'] });
    await writer.write(200);
    await project(api);
    await writer.write(60);
    await objects.definition();
    const rebuilt = await ask<RebuildDocument>('post', '/projections/live/rebuild');
    expect(rebuilt).toMatchObject({ differences: [], differencesTotal: 0, gaps: [] });
    expect(rebuilt.events).toBe(260 + 6 + 1 + 2); // Two workers of three events, one definition, the administrator and a token.
    expect(rebuilt.compared).toBeGreaterThan(5);
    // The same changes prove that at every rest the ledger says what the allocations do, the plans included.
    expect(await ask('get', '/invariants')).toMatchObject({ findingsTotal: 0, workers: 2 });
  }, 60_000);

  test('names each field that somebody has tampered with', async () => {
    const id = await running();
    await project(api);
    const { status, allocation } = await api.dependencies.fresh.instance(id);
    await put(keys.instanceStatus(id), { ...status.value, phase: 'STOPPED', conditions: [] });
    await put(keys.instanceAllocation(id), { ...allocation!.value, ports: { http: 2001 } });
    const rebuilt = await ask<RebuildDocument>('post', '/projections/live/rebuild');
    expect(rebuilt.differences).toEqual(
      expect.arrayContaining([
        { kind: 'Instance', id, path: 'status.phase', live: 'STOPPED', rebuilt: 'RUNNING' },
        { kind: 'Instance', id, path: 'allocation.ports.http', live: 2001, rebuilt: 2000 },
      ]),
    );
    const one = await ask<RebuildDocument>('post', `/projections/live/rebuild?subject=${id}`);
    expect(one).toMatchObject({ compared: 1, events: 4 });
    expect(one.differencesTotal).toBe(rebuilt.differencesTotal);
    await put(keys.workerCapacity(allocation!.value.workerId), { ...(await api.dependencies.fresh.worker(allocation!.value.workerId)).capacity!.value, instances: 7 });
    const ledger = await ask<RebuildDocument>('post', '/projections/live/rebuild');
    expect(ledger.differences).toEqual(expect.arrayContaining([{ kind: 'Worker', id: allocation!.value.workerId, path: 'capacity.instances', live: 7, rebuilt: 1 }]));
  });

  test('names an object that is gone, one that nobody tells of, and where the log has a gap', async () => {
    const id = await running();
    await project(api);
    await api.mongo.collection('audit_events').deleteOne({ subject: id, sequence: 2 });
    const template = await objects.template({ name: 'other', provider: 'local', capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' } });
    const { etcd } = api.dependencies;
    await etcd.raw.delete().key(`${etcd.prefix}templates/${template.id}/spec`);
    await put(keys.templateSpec('t-ghost'), { schemaVersion: 1, id: 't-ghost' });
    const rebuilt = await ask<RebuildDocument>('post', '/projections/live/rebuild');
    expect(rebuilt.gaps).toEqual([{ subject: id, after: 1, before: 3 }]);
    expect(rebuilt.differences.filter((difference) => difference.id === id)).toEqual([]);
    const whole = rebuilt.differences.filter(({ path }) => path === '');
    expect(whole.map((difference) => [difference.id, 'live' in difference, 'rebuilt' in difference])).toEqual([['t-ghost', true, false], [template.id, false, true]]);
  });

  test('writes nothing and says so to who wants it to', async () => {
    await running();
    const before = await api.keys();
    await ask('post', '/projections/live/rebuild?dryRun=true');
    const refused = await api.client.post<ProblemBody>(`${admin}/projections/live/rebuild?dryRun=false`);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'dryRun' }] } });
    expect(await api.client.post(`${admin}/projections/record/rebuild`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await api.client.post(`${admin}/projections/live/rebuild?subject=i-none`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await api.client.post(`${admin}/projections/live/rebuild?subjekt=x`)).toMatchObject({ status: 400 });
    expect(await api.keys()).toEqual(before);
  });

  test('takes the log as it was at the revision of the live store, whatever is recorded meanwhile', async () => {
    let meanwhile: () => Promise<void> = () => Promise.resolve();
    const busy = await TestApi.start(toldWorld(), (dependencies) => {
      const { auditEvents } = dependencies;
      const scan = async function* (subject?: string) {
        await meanwhile();
        yield* auditEvents.scan(subject);
      };
      return { ...dependencies, auditEvents: Object.create(auditEvents, { scan: { value: scan } }) as typeof auditEvents };
    });
    const own = new Objects(busy);
    await own.definition();
    meanwhile = async () => {
      await own.template();
      await project(busy);
    };
    const reply = await busy.client.post<RebuildDocument>(`${admin}/projections/live/rebuild`);
    expect(reply.body).toMatchObject({ compared: 1 + 2, events: 1 + 2, differences: [] });
    await busy.stop();
  });

  test('is the same from another replica', async () => {
    const world = toldWorld();
    const [one, other] = await Promise.all([TestApi.start(world), TestApi.start(world)]);
    await new Objects(one).definition();
    const reply = await other.client.post<RebuildDocument>(`${admin}/projections/live/rebuild`);
    expect(reply.body).toMatchObject({ compared: 1 + 3, events: 1 + 3, differencesTotal: 0 });
    await Promise.all([one.stop(), other.stop()]);
  });
});
