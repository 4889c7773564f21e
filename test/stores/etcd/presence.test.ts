import type { EtcdClient } from '../../../src/stores/etcd/client';
import { keys } from '../../../src/stores/etcd/keys';
import { Leases } from '../../../src/stores/etcd/lease';
import { ApiPresence } from '../../../src/stores/etcd/presence';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { eventually, openClient } from '../../support/etcd';
import { freshPrefix } from '../../support/servers';

const caches: WatchCache[] = [];
const clients: EtcdClient[] = [];
const presences: ApiPresence[] = [];
let prefix: string;
beforeEach(() => {
  prefix = `${freshPrefix()}/`;
});
afterEach(async () => {
  await Promise.all(presences.splice(0).map((presence) => presence.stop()));
  caches.splice(0).forEach((cache) => cache.stop());
  clients.splice(0).forEach((client) => client.close());
});

async function api(id: string) {
  const client = openClient({ prefix });
  clients.push(client);
  const cache = new WatchCache(client, () => undefined);
  await cache.start();
  caches.push(cache);
  const problems: string[] = [];
  const presence = new ApiPresence(new Leases(client), cache, { id, holder: id, onProblem: (problem) => problems.push(problem), leaseTtlMs: 2_000 });
  presences.push(presence);
  return { client, cache, presence, problems };
}

test('every api knows how many there are: those that come, those that leave, and not those that never were', async () => {
  const first = await api('a');
  expect(first.presence.count).toBe(1);
  await first.presence.start();
  const second = await api('b');
  await second.presence.start();
  // It is known to the store before it serves anybody.
  expect(await first.client.get(keys.api('b'))).toBeDefined();
  await eventually('both know both', () => first.presence.count === 2 && second.presence.count === 2);
  await second.presence.stop();
  expect(await first.client.get(keys.api('b'))).toBeUndefined();
  await eventually('the first is alone', () => first.presence.count === 1);
});

test('one whose key was taken away with its lease comes back', async () => {
  const one = await api('a');
  const other = await api('b');
  await one.presence.start();
  const [kv] = (await one.client.raw.kv.range({ key: one.client.key(keys.api('a')) })).kvs;
  const { revision } = (await one.client.get(keys.api('a')))!;
  await new Leases(one.client).revoke(kv!.lease);
  await eventually('it is there anew', () => (other.cache.get(keys.api('a'))?.revision ?? 0) > revision, 15_000);
}, 20_000);

test('one that cannot say that it is there starts all the same, and tries again', async () => {
  const one = await api('a');
  one.client.close();
  await one.presence.start();
  expect(one.problems).toEqual([expect.stringContaining('do not know')]);
});
