import { compareNowAndThen, compareWithStore, differingKeys } from '../../../src/stores/etcd/cache-comparison';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { ObjectIndex } from '../../../src/stores/etcd/object-index';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import type { Telemetry } from '../../../src/telemetry';
import { silent } from '../../../src/telemetry';
import { closeClients, eventually, openClient, OwnEtcd } from '../../support/etcd';

const revisions = (entries: Record<string, number>) => new Map(Object.entries(entries));

describe('the rule', () => {
  it('finds what is missing, what is too much and what is older or newer than it may be', () => {
    const listed = revisions({ same: 1, missing: 2, older: 5, newer: 5 });
    const cached = revisions({ same: 1, extra: 3, older: 4, newer: 6 });
    expect(differingKeys(listed, cached, new Set()).sort()).toEqual(['extra', 'missing', 'newer', 'older']);
  });

  it('takes no notice of what has changed since', () => {
    const since = new Set(['deleted', 'made', 'put']);
    expect(differingKeys(revisions({ deleted: 1, put: 2 }), revisions({ made: 8, put: 9 }), since)).toEqual([]);
  });
});

describe('a watch cache', () => {
  let etcd: OwnEtcd;
  let client: EtcdClient;
  let cache: WatchCache;
  let counted: string[];
  let problems: string[];
  let telemetry: Telemetry;

  beforeAll(async () => {
    etcd = await OwnEtcd.start();
  });
  afterAll(() => etcd.remove());

  beforeEach(async () => {
    client = openClient({ url: etcd.url });
    counted = [];
    problems = [];
    telemetry = { ...silent, cacheCompared: (outcome) => counted.push(outcome), cacheRelisted: (why) => counted.push(`relisted: ${why}`) };
    for (const id of ['a', 'b', 'c']) await put(`instances/${id}/spec`);
    cache = new WatchCache(client, (problem) => problems.push(problem), { telemetry, progressIntervalMs: 100 });
    await cache.start();
  });
  afterEach(() => {
    cache.stop();
    closeClients();
    jest.restoreAllMocks();
  });

  const put = (key: string, text = '{}') => client.raw.kv.put({ key: client.key(key), value: Buffer.from(text) });
  const remove = (key: string) => client.raw.kv.deleteRange({ key: client.key(key) });

  /** Changes what the cache holds behind its back. */
  function damage(change: (index: ObjectIndex) => void): void {
    change((cache as unknown as { index: ObjectIndex }).index);
  }

  it('that holds what etcd holds is found equal, whatever happens meanwhile', async () => {
    let over = false;
    const writing = (async () => {
      for (let n = 0; !over; n++) {
        await put(`instances/${n % 7}/state`);
        await remove(`instances/${(n + 3) % 7}/state`);
      }
    })();
    const outcomes = [];
    for (let time = 0; time < 30; time++) outcomes.push((await compareWithStore(client, cache)).kind);
    over = true;
    await writing;
    expect(new Set(outcomes)).toEqual(new Set(['equal']));
  });

  it('is not blamed for what it does not keep: idempotency records, and values that cannot be read', async () => {
    await put('idempotency/x');
    await put('instances/broken/spec', 'no JSON');
    expect(await compareWithStore(client, cache)).toEqual({ kind: 'equal' });
  });

  it('that lost a key, kept one that is gone, or has an old one, is found different', async () => {
    const old = cache.get('instances/b/spec')!;
    damage((index) => {
      index.delete('instances/a/spec');
      index.set({ ...old, revision: old.revision - 1 });
      index.set({ key: 'instances/ghost/spec', value: {}, revision: old.revision });
    });
    const compared = await compareWithStore(client, cache);
    expect(compared).toEqual({ kind: 'different', keys: expect.arrayContaining(['instances/a/spec', 'instances/b/spec', 'instances/ghost/spec']) });
  });

  it('is compared another time when etcd compacted the revision meanwhile', async () => {
    const range = client.raw.kv.range.bind(client.raw.kv);
    jest.spyOn(client.raw.kv, 'range').mockImplementationOnce(async (...request) => {
      const page = await range(...request);
      const { header } = await put('instances/d/spec');
      await client.raw.kv.compact({ revision: header.revision, physical: true });
      return page;
    });
    expect(await compareWithStore(client, cache)).toEqual({ kind: 'later' });
    expect(await compareWithStore(client, cache)).toEqual({ kind: 'equal' });
  });

  it('that differs takes everything anew, and says so to operators', async () => {
    const stopped = new AbortController();
    const comparing = compareNowAndThen({ client, cache, telemetry, onProblem: (problem) => problems.push(problem), intervalMs: 50 }, stopped.signal);
    try {
      await eventually('it was compared', () => counted.includes('equal'));
      damage((index) => index.delete('instances/a/spec'));
      await eventually('the key is there again', () => cache.get('instances/a/spec') !== undefined);
      expect(counted).toEqual(expect.arrayContaining(['different', 'relisted: different']));
      expect(problems).toContain('the watch cache differs from etcd in 1 keys: instances/a/spec');
      const before = counted.length;
      await eventually('it is equal', () => counted.slice(before).includes('equal'));
    } finally {
      stopped.abort();
      await comparing;
    }
  });

  it('is told how far it is by an etcd that of itself says so every 10 minutes, while nothing happens and nobody asks', async () => {
    const elsewhere = openClient({ url: etcd.url });
    const { header } = await elsewhere.raw.kv.put({ key: elsewhere.key('x'), value: Buffer.from('1') });
    await eventually('it has reached the revision', () => cache.revision >= Number(header.revision));
    expect(cache.ageMs).toBeLessThan(5_000);
  });

  it('lists anew when an empty etcd is where the other one was', async () => {
    for (let n = 0; n < 50; n++) await put('instances/a/spec');
    await cache.waitForRevision(await client.revision(), 5_000);
    const before = cache.revision;
    await etcd.startAgainEmpty();
    await eventually('it is empty', () => cache.get('instances/a/spec') === undefined);
    expect(cache.revision).toBeLessThan(before);
    expect(counted).toContain('relisted: replaced');
    await eventually('etcd is used again', () => client.revision().then(() => true, () => false));
    await put('instances/new/spec');
    await eventually('it follows', () => cache.get('instances/new/spec') !== undefined);
  });
});
