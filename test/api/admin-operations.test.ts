import type { LeadersDocument } from '../../src/api/admin/leaders';
import type { StoreDocument } from '../../src/api/admin/store';
import type { StuckList } from '../../src/api/admin/stuck';
import { administrationListMax, nudgeAllMax } from '../../src/domain/limits';
import { keys } from '../../src/stores/etcd/keys';
import { Leadership } from '../../src/stores/etcd/leadership';
import type { Term } from '../../src/stores/etcd/leadership';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects } from './support/objects';
import { TestApi } from './support/test-api';

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

describe('leaders', () => {
  test('are shown while they lead, with the token that their commits compare, and vacant after', async () => {
    expect(await ask('get', '/leaders')).toMatchObject({ items: [{ role: 'scheduler', state: 'vacant' }, { role: 'controller', state: 'vacant' }] });
    let leadership: Leadership | undefined;
    const term = await new Promise<Term>((resolve) => {
      const lead = (given: Term) => {
        resolve(given);
        return new Promise<void>((end) => given.signal.addEventListener('abort', () => end()));
      };
      leadership = new Leadership(api.dependencies.leases, 'controller', 'host-a/17', lead, () => undefined);
      leadership.start();
    });
    const { items } = await ask<LeadersDocument>('get', '/leaders');
    const controller = items[1]!;
    expect(controller).toMatchObject({ role: 'controller', state: 'held', holder: 'host-a/17', fencingToken: String(term.fencingToken), leaseTtlMs: 6_000 });
    expect(controller.state === 'held' && controller.leaseLeftMs > 0 && controller.leaseLeftMs <= 6_000).toBe(true);
    await leadership!.stop();
    expect(await ask('get', '/leaders')).toMatchObject({ items: [{ state: 'vacant' }, { state: 'vacant' }] });
  });
});

describe('the store', () => {
  test('says how full it is, with what, and on which member', async () => {
    await objects.definition();
    await objects.template();
    const { revision } = await objects.worker();
    const store = await ask<StoreDocument>('get', `/store?minRevision=${revision}`);
    expect(store.usage.usedShare).toBeCloseTo(store.usage.usedBytes / store.usage.quotaBytes, 10);
    expect(store.members).toEqual([expect.objectContaining({ noSpace: false, usedBytes: expect.any(Number) })]);
    const { entries } = await api.dependencies.etcd.list('');
    expect(store.collections.reduce((sum, { keys: count }) => sum + count, 0)).toBe(entries.length);
    expect(store.collections.find(({ collection }) => collection === 'outbox')).toMatchObject({ keys: 3 });
    expect(store.collections.find(({ collection }) => collection === 'workers')!.bytes).toBeGreaterThan(500);
    expect([...store.collections].sort((one, other) => other.bytes - one.bytes)).toEqual(store.collections);
  });

  test('is measured in pages', async () => {
    const { etcd } = api.dependencies;
    const total = 2_100;
    for (let from = 0; from < total; from += 100) {
      const puts = Array.from({ length: 100 }, (_, at) => ({ request_put: { key: etcd.key(`filler/${from + at}`), value: Buffer.from('"x"') } }));
      await etcd.txn({ compare: [], success: puts, failure: [] });
    }
    const { collections } = await ask<StoreDocument>('get', '/store');
    expect(collections.find(({ collection }) => collection === 'filler')).toMatchObject({ keys: total });
  });

  test('a member that does not answer is named, and the others are shown', async () => {
    const other = await TestApi.start(undefined, (dependencies) => {
      const [[address, member] = ['', dependencies.etcd]] = dependencies.etcdMembers;
      const gone = Object.create(member, { raw: { value: { maintenance: { status: () => Promise.reject(new Error('connection refused')) } } } }) as typeof member;
      return { ...dependencies, etcdMembers: new Map([[address, member], ['http://gone:2379', gone]]) };
    });
    const { members } = (await other.client.get<StoreDocument>(`${admin}/store`)).body;
    expect(members).toEqual([expect.objectContaining({ noSpace: false }), { address: 'http://gone:2379', problem: 'connection refused' }]);
    await other.stop();
  });
});

describe('what is stuck', () => {
  async function age(id: string, differences: Record<string, unknown> = {}): Promise<void> {
    const { etcd, fresh } = api.dependencies;
    const { spec, status } = await fresh.instance(id);
    const old = new Date(Date.now() - 60_000).toISOString();
    await etcd.raw.put(etcd.prefix + keys.instanceSpec(id)).value(JSON.stringify({ ...spec.value, updatedAt: old }));
    await etcd.raw.put(etcd.prefix + keys.instanceStatus(id)).value(JSON.stringify({ ...status.value, lastReconcileTime: old, ...differences }));
  }

  async function stuck(): Promise<StuckList> {
    return ask('get', `/stuck?minRevision=${await api.dependencies.etcd.revision()}`);
  }

  test('is what failed and what nobody attends to, with what to do; what has just changed is not', async () => {
    await objects.definition();
    await objects.template();
    const worker = await objects.worker();
    await lifecycle.provision(worker.id);
    const [failed, unattended] = [(await objects.instance()).id, (await objects.instance()).id];
    await lifecycle.place(failed, worker.id, { http: 2000 });
    await lifecycle.giveUp(failed);
    await age(unattended);
    await objects.instance();
    const { items, total } = await stuck();
    expect(total).toBe(2);
    expect(items.map(({ id, reason, phase, step }) => ({ id, reason, phase, step }))).toEqual([
      { id: unattended, reason: 'unattended', phase: 'PENDING', step: 'schedule' },
      { id: failed, reason: 'failed', phase: 'FAILED', step: 'start' },
    ]);
    expect(items[1]).toMatchObject({ kind: 'instances', message: expect.stringContaining('the port is taken'), advice: expect.stringContaining('retry') });
  });

  test('is nudged, one or all, and what is not there is 404', async () => {
    await objects.definition();
    const { id } = await objects.instance();
    api.nudges.length = 0;
    expect(await ask('post', `/stuck/instances/${id}/nudge`)).toEqual({ nudged: [{ kind: 'instances', id }], left: 0 });
    expect(api.nudges).toEqual([`Instance ${id}`]);
    expect(await ask('post', '/nudge-all')).toEqual({ nudged: [], left: 0 });
    await age(id);
    expect(await ask('post', '/nudge-all')).toEqual({ nudged: [{ kind: 'instances', id }], left: 0 });
    expect(await api.client.post(`${admin}/stuck/instances/i-none/nudge`)).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
    expect(await api.client.post(`${admin}/stuck/workers/w-none/nudge`)).toMatchObject({ status: 404, body: { code: 'worker_not_found' } });
    expect(await api.client.post(`${admin}/stuck/definitions/d-none/nudge`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(api.nudges).toEqual([`Instance ${id}`, `Instance ${id}`]);
  });

  test('is nudged so many at a time', async () => {
    await objects.definition();
    const { id } = await objects.instance();
    const { etcd, fresh } = api.dependencies;
    await age(id);
    const { spec, status } = await fresh.instance(id);
    const many = nudgeAllMax + 5;
    expect(many).toBeLessThan(administrationListMax);
    for (let made = 1; made < many; made++) {
      const copy = `i-copy-${made}`;
      const put = (key: string, value: unknown) => ({ request_put: { key: etcd.key(key), value: Buffer.from(JSON.stringify(value)) } });
      await etcd.txn({ compare: [], success: [put(keys.instanceSpec(copy), { ...spec.value, id: copy }), put(keys.instanceStatus(copy), status.value)], failure: [] });
    }
    api.nudges.length = 0;
    const nudged = await ask<{ nudged: unknown[]; left: number }>('post', '/nudge-all');
    expect([nudged.nudged.length, nudged.left, api.nudges.length]).toEqual([nudgeAllMax, 5, nudgeAllMax]);
  });
});

test('acts of administration take no body', async () => {
  await objects.definition();
  expect(await api.client.post(`${admin}/nudge-all`, { everything: true })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.client.get(`${instances}?limit=1`)).toMatchObject({ status: 200 });
});
