import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { Applied } from '../../../src/stores/etcd/watch-cache';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { closeClients, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { TcpProxy } from '../../support/tcp-proxy';

let etcd: OwnEtcd;
let proxy: TcpProxy;
/** Sees etcd without the proxy. */
let direct: EtcdClient;
let cache: WatchCache;
let applied: Applied[];
let problems: string[];

beforeAll(async () => {
  etcd = await OwnEtcd.start();
});

afterAll(() => etcd.remove());

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.url);
  direct = openClient({ url: etcd.url });
  problems = [];
  applied = [];
  cache = new WatchCache(openClient({ prefix: direct.prefix, url: proxy.url, requestTimeoutMs: 1_000 }), (problem) => problems.push(problem));
  await cache.start();
  cache.onApplied((change) => applied.push(change));
});

afterEach(async () => {
  cache.stop();
  closeClients();
  await proxy.close();
});

/** Writes two keys in one transaction; answers its revision. */
async function putPair(n: number): Promise<number> {
  const value = Buffer.from(JSON.stringify({ n }));
  const put = (key: string) => ({ request_put: { key: direct.key(key), value } });
  const response = await direct.txn({ compare: [], success: [put('instances/a/spec'), put('workers/w/capacity')], failure: [] });
  return Number(response.header.revision);
}

function numberOf(key: string): number | undefined {
  return (cache.get(key)?.value as { n: number } | undefined)?.n;
}

/** Everything that was written was told, once, in order, in whole transactions. */
function expectGapless(revisions: readonly number[]): void {
  expect(applied.map(({ revision }) => revision)).toEqual(revisions);
  expect(applied.filter(({ changes }) => changes.length !== 2)).toEqual([]);
}

async function caughtUp(timeoutMs = 20_000): Promise<void> {
  expect(await cache.waitForRevision(await direct.revision(), timeoutMs)).toBe(true);
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a watch cache', () => {
  it('loses nothing and tells nothing twice over a line that breaks again and again', async () => {
    const revisions: number[] = [];
    for (let n = 1; n <= 200; n++) {
      revisions.push(await putPair(n));
      if (n % 20 === 0) proxy.breakConnections();
      await sleep(5);
    }
    await caughtUp();
    expectGapless(revisions);
    expect(numberOf('instances/a/spec')).toBe(200);
    expect(problems).toContain('the watch on etcd ended, opening a new one');
  });

  it('stays in step over a slow line', async () => {
    proxy.delay(50);
    const revisions: number[] = [];
    for (let n = 1; n <= 20; n++) revisions.push(await putPair(n));
    await caughtUp();
    expectGapless(revisions);
    expect(problems).toEqual([]);
  });

  it('waits while the network is gone, and goes on where it was', async () => {
    const revisions = [await putPair(1)];
    await caughtUp();
    proxy.cut();
    for (let n = 2; n <= 30; n++) revisions.push(await putPair(n));
    expect(await cache.waitForRevision(revisions[29]!, 300)).toBe(false);
    expect(numberOf('instances/a/spec')).toBe(1);
    proxy.pass();
    await caughtUp();
    expectGapless(revisions);
  });

  it('lists anew when etcd has compacted what it missed, and tells what is gone as well as what is new', async () => {
    await putPair(1);
    await direct.raw.kv.put({ key: direct.key('instances/gone/spec'), value: Buffer.from('{}') });
    await caughtUp();
    const told: string[] = [];
    cache.onObject('instances', 'gone', () => told.push('gone'));
    const waiting = cache.waitForObject({ collection: 'instances', id: 'a' }, () => (numberOf('instances/a/spec') === 5 ? 'there' : undefined), 20_000);
    proxy.cut();
    await direct.raw.kv.deleteRange({ key: direct.key('instances/gone/spec') });
    let revision = 0;
    for (let n = 2; n <= 5; n++) revision = await putPair(n);
    await direct.raw.kv.compact({ revision: String(revision), physical: true });
    applied.length = 0;
    proxy.pass();
    expect(await waiting).toBe('there');
    expect(applied.map(({ relisted }) => relisted)).toEqual([true]);
    expect(told).toEqual(['gone']);
    expect(cache.ids('instances')).toEqual(['a']);
    expect(numberOf('workers/w/capacity')).toBe(5);

    const next = await putPair(6);
    await caughtUp();
    expect(applied.at(-1)).toMatchObject({ revision: next, relisted: false });
  });

  it('survives the death of etcd', async () => {
    const revisions = [await putPair(1)];
    await caughtUp();
    await etcd.kill();
    await sleep(500);
    await etcd.startAgain();
    await eventually('etcd is back', () => direct.revision().then(() => true, () => false));
    for (let n = 2; n <= 10; n++) revisions.push(await putPair(n));
    await caughtUp();
    expectGapless(revisions);
  });

  it('survives an etcd that stands still for a while', async () => {
    const revisions = [await putPair(1)];
    await caughtUp();
    etcd.freeze();
    expect(await cache.waitForRevision(revisions[0]! + 1, 1_500)).toBe(false);
    etcd.thaw();
    for (let n = 2; n <= 10; n++) revisions.push(await putPair(n));
    await caughtUp();
    expectGapless(revisions);
  });

  it('notices a connection that has died without a word, and opens another', async () => {
    const revisions = [await putPair(1)];
    await caughtUp();
    proxy.holdForGood();
    for (let n = 2; n <= 5; n++) revisions.push(await putPair(n));
    await eventually('it has opened another', () => numberOf('instances/a/spec') === 5, 40_000);
    expectGapless(revisions);
  }, 60_000);

  it('proves a revision that was made elsewhere soon after a reconnect, on an etcd that says nothing by itself', async () => {
    const elsewhere = openClient({ url: etcd.url });
    for (let round = 0; round < 3; round++) {
      proxy.breakConnections();
      const written = await elsewhere.raw.kv.put({ key: elsewhere.key('x'), value: Buffer.from('{}') });
      expect(await cache.waitForRevision(Number(written.header.revision), 3_000)).toBe(true);
    }
  });

  it('stops while etcd is out of reach, and says no more', async () => {
    proxy.cut();
    await eventually('it has noticed', () => problems.length > 0);
    cache.stop();
    await sleep(50);
    problems.length = 0;
    await sleep(600);
    expect(problems).toEqual([]);
  });

  it('does not start without etcd, and says so in time', async () => {
    proxy.hold();
    const late = new WatchCache(openClient({ url: proxy.url, requestTimeoutMs: 300 }), () => undefined);
    await expect(late.start()).rejects.toThrow(/deadline/i);
    late.stop();
  });
});
