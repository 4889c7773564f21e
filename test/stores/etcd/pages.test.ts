import { rangeEnd } from '../../../src/stores/etcd/client';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import { pagesOf } from '../../../src/stores/etcd/pages';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { closeClients, openClient, OwnEtcd } from '../../support/etcd';

const mebibyte = 1024 * 1024;
/** Together more than one message may hold. */
const largeCount = 70;

let etcd: OwnEtcd;
let client: EtcdClient;

beforeAll(async () => {
  etcd = await OwnEtcd.start();
  // A machine that has more to do takes longer than a process would wait.
  client = openClient({ url: etcd.url, requestTimeoutMs: 30_000 });
  const value = Buffer.from(JSON.stringify({ text: 'x'.repeat(mebibyte) }));
  for (let n = 0; n < largeCount; n++) await client.raw.kv.put({ key: client.key(`outbox/${String(n).padStart(3, '0')}`), value });
}, 60_000);

afterAll(async () => {
  closeClients();
  await etcd.remove();
});

async function keysOfAll(pageSize: number): Promise<string[]> {
  const from = client.key('');
  const found: string[] = [];
  for await (const { kvs } of pagesOf(client, { from, to: rangeEnd(from), pageSize })) found.push(...kvs.map(({ key }) => client.relative(key)));
  return found;
}

test('values that are too large for one message come in smaller pages, each key once and in order', async () => {
  const expected = Array.from({ length: largeCount }, (_, n) => `outbox/${String(n).padStart(3, '0')}`);
  expect(await keysOfAll(1_000)).toEqual(expected);
  expect(await keysOfAll(7)).toEqual(expected);
}, 60_000);

test('a cache starts on them', async () => {
  const cache = new WatchCache(client, () => undefined);
  await cache.start();
  cache.stop();
  expect(cache.collection('outbox')).toHaveLength(largeCount);
}, 60_000);
