import { randomBytes } from 'node:crypto';
import type { MaintainedDocument, StoreDocument } from '../../src/api/admin/store';
import { isNoSpace } from '../../src/stores/etcd/maintenance';
import { eventually, OwnEtcd } from '../support/etcd';
import { Objects } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

/** Maintenance of an etcd that no other test shares. */
const store = '/api/v1/admin/store';
const quotaBytes = 16 * 1024 ** 2;
let own: OwnEtcd;
let api: TestApi;
beforeAll(async () => {
  own = await OwnEtcd.start({ quotaBytes });
  api = await TestApi.start(freshWorld({ etcdEndpoint: own.url, etcdQuotaBytes: quotaBytes }));
});
afterAll(async () => {
  await api.stop();
  await own.remove();
});

async function maintain(act: string): Promise<MaintainedDocument> {
  const reply = await api.client.post<MaintainedDocument>(`${store}/${act}`);
  expect(reply).toMatchObject({ status: 200 });
  return reply.body;
}

async function put(size: number): Promise<void> {
  const { etcd } = api.dependencies;
  await etcd.raw.put(`${etcd.prefix}filler/x`).value(randomBytes(size));
}

test('history is forgotten up to a revision, and again is no harm', async () => {
  const { etcd } = api.dependencies;
  const objects = new Objects(api);
  await objects.definition();
  const early = await etcd.revision();
  await objects.template();
  const read = (revision: number) => etcd.raw.kv.range({ key: etcd.key('epoch'), revision });
  expect((await maintain(`compact?revision=${early}`)).done).toContain(String(early));
  await expect(read(early - 1)).rejects.toThrow(/compacted/);
  await expect(read(early)).resolves.toBeDefined();
  await maintain(`compact?revision=${early}`);
  await maintain('compact');
  await expect(read(early)).rejects.toThrow(/compacted/);
  const beyond = (await etcd.revision()) + 1_000_000;
  expect(await api.client.post(`${store}/compact?revision=${beyond}`)).toMatchObject({ status: 400, body: { code: 'revision_unknown' } });
  expect(await api.client.post(`${store}/compact?revision=x`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await maintain('disarm')).toMatchObject({ done: 'no alarm was raised', after: { alarms: [] } });
});

test('a full store is shown with its alarm, and made to write again', async () => {
  const fill = async () => {
    for (;;) await put(512 * 1024);
  };
  expect(isNoSpace(await fill().catch((error: unknown) => error))).toBe(true);
  expect((await api.client.get<StoreDocument>(store)).body).toMatchObject({ usage: { alarms: ['NOSPACE'] }, members: [{ noSpace: true }] });
  expect((await maintain('disarm')).done).toMatch(/was taken back; there is no room/);

  const { before } = await maintain('compact');
  // etcd counts pages as free with its next commit to disk, and a page that somebody was reading with one later than
  // that. It commits when it has something to write, which a refused put and the end of the alarm that it raises are.
  const usedBytes = async () => {
    await put(1).catch(() => undefined);
    await maintain('disarm');
    return (await api.client.get<StoreDocument>(store)).body.usage.usedBytes;
  };
  await eventually('what was compacted is free', async () => (await usedBytes()) < before.usedBytes / 2);
  const defragmented = await maintain('defragment');
  expect(defragmented.after.allocatedBytes).toBeLessThan(defragmented.before.allocatedBytes / 2);
  expect((await maintain('disarm')).after.alarms).toEqual([]);
  await put(1024);
}, 60_000);
