import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Committer } from '../../../src/stores/etcd/committer';
import { keys } from '../../../src/stores/etcd/keys';
import type { Applied } from '../../../src/stores/etcd/watch-cache';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { closeClients, creating, openClient } from '../../support/etcd';

let client: EtcdClient;
let committer: Committer;
let cache: WatchCache;
let problems: string[];

beforeEach(() => {
  client = openClient();
  committer = new Committer(client, () => 1);
  problems = [];
  cache = new WatchCache(client, (problem) => problems.push(problem));
});

afterEach(() => {
  cache.stop();
  closeClients();
});

/** Writes a key and answers the revision at which that happened. */
async function put(key: string, value: unknown = {}, writer: EtcdClient = client): Promise<number> {
  const response = await writer.raw.kv.put({ key: writer.key(key), value: Buffer.from(JSON.stringify(value)) });
  return Number(response.header.revision);
}

async function caughtUp(): Promise<void> {
  expect(await cache.waitForRevision(await client.revision(), 5_000)).toBe(true);
}

/** How many listeners the cache has, of any kind. */
function listeners(): number {
  const { changed } = cache as unknown as { changed: NodeJS.EventEmitter };
  return changed.eventNames().reduce((sum, name) => sum + changed.listenerCount(name), 0);
}

describe('a watch cache', () => {
  it('holds what was there when it started, over more than one page', async () => {
    for (let from = 0; from < 2_500; from += 100) {
      const puts = Array.from({ length: 100 }, (_, index) => ({ key: `instances/i-${from + index}/spec`, value: { number: from + index } }));
      await committer.commit({ id: `${from}`, compares: [], puts, deletes: [], events: [] });
    }
    const revision = await client.revision();
    await cache.start();
    expect(cache.revision).toBeGreaterThanOrEqual(revision);
    expect(cache.ids('instances')).toHaveLength(2_500);
    expect(cache.get('instances/i-2499/spec')?.value).toEqual({ number: 2_499 });
  });

  it('follows every change in order, and shows what etcd shows', async () => {
    await put('instances/a/spec', { n: 0 });
    await cache.start();
    const seen: Applied[] = [];
    cache.onApplied((applied) => seen.push(applied));
    const revisions: number[] = [];
    for (let n = 1; n <= 50; n++) revisions.push(await put('instances/a/spec', { n }));
    await client.raw.kv.deleteRange({ key: client.key('instances/a/spec') });
    await put('instances/b/plan/x', { n: 51 });
    await caughtUp();
    expect(seen.map(({ changes }) => (changes[0]!.entry?.value as { n: number } | undefined)?.n)).toEqual([...revisions.map((_, index) => index + 1), undefined, 51]);
    expect(seen.slice(0, 50).map(({ revision }) => revision)).toEqual(revisions);
    expect(cache.get('instances/a/spec')).toBeUndefined();
    expect(cache.ids('instances')).toEqual(['b']);
    expect([...cache.object('instances', 'b').keys()]).toEqual(['plan/x']);
    expect(cache.collection('instances')).toEqual((await client.list('instances/')).entries);
  });

  it('never shows half of a transaction, however it is looked at', async () => {
    await cache.start();
    const halves: unknown[] = [];
    const look = () => {
      const [one, other] = ['instances/a/spec', 'workers/w/capacity'].map((key) => cache.get(key)?.value as { n: number } | undefined);
      if (one?.n !== other?.n) halves.push([one, other]);
    };
    cache.onApplied(look);
    cache.onObject('instances', 'a', look);
    cache.onObject('workers', 'w', look);
    for (let n = 1; n <= 100; n++) {
      await committer.commit({ id: `${n}`, compares: [], puts: [{ key: 'instances/a/spec', value: { n } }, { key: 'workers/w/capacity', value: { n } }], deletes: [], events: [] });
    }
    await caughtUp();
    expect(cache.get('workers/w/capacity')?.value).toEqual({ n: 100 });
    expect(halves).toEqual([]);
  });

  it('tells who listens to an object about that object only, and nobody who has left', async () => {
    await cache.start();
    const heard: string[] = [];
    const leave = cache.onObject('instances', 'a', () => heard.push('a'));
    cache.onObject('instances', 'ab', () => heard.push('ab'));
    await committer.commit(creating('a'));
    await put('instances/ab/spec');
    await caughtUp();
    leave();
    await put('instances/a/spec');
    await caughtUp();
    expect(heard).toEqual(['a', 'ab']);
  });

  it('drops idempotency records', async () => {
    await put(keys.idempotency('before'));
    await cache.start();
    await put(keys.idempotency('after'));
    await put('instances/a/spec');
    await caughtUp();
    expect(cache.ids('instances')).toEqual(['a']);
    expect(cache.ids('idempotency')).toEqual([]);
    expect(cache.get(keys.idempotency('before')) ?? cache.get(keys.idempotency('after'))).toBeUndefined();
  });

  it('goes on when a listener throws, and still tells the others', async () => {
    await cache.start();
    const heard: number[] = [];
    cache.onApplied(() => {
      throw new Error('a listener is broken');
    });
    cache.onObject('instances', 'a', () => {
      throw new Error('another one, too');
    });
    cache.onApplied(({ revision }) => heard.push(revision));
    const waiting = cache.waitForObject({ collection: 'instances', id: 'a' }, () => cache.get('instances/a/state'), 5_000);
    await committer.commit(creating('a'));
    expect(await waiting).toBeDefined();
    await committer.commit(creating('b'));
    await caughtUp();
    expect(cache.ids('instances').sort()).toEqual(['a', 'b']);
    expect(heard).toHaveLength(2);
    expect(problems).toHaveLength(3);
  });

  it('goes on past a value that is not JSON, and past its list', async () => {
    const junk = { key: client.key('instances/junk/spec'), value: Buffer.from('{not json') };
    await client.raw.kv.put(junk);
    await cache.start();
    expect(cache.ids('instances')).toEqual([]);
    await client.raw.kv.put(junk);
    await put('instances/a/spec');
    await caughtUp();
    expect(cache.ids('instances')).toEqual(['a']);
    expect(problems).toHaveLength(2);
    await put('instances/junk/spec', { mended: true });
    await caughtUp();
    expect(cache.get('instances/junk/spec')?.value).toEqual({ mended: true });
  });

  it('says nothing after it was stopped', async () => {
    await cache.start();
    const heard: Applied[] = [];
    cache.onApplied((applied) => heard.push(applied));
    cache.stop();
    await put('instances/a/spec');
    const other = new WatchCache(client, () => undefined);
    await other.start();
    other.stop();
    expect(heard).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe('waiting for a revision', () => {
  it('answers at once for one that is there', async () => {
    const revision = await put('instances/a/spec');
    await cache.start();
    expect(await cache.waitForRevision(revision, 0)).toBe(true);
    expect(listeners()).toBe(0);
  });

  it('reaches, within a bound, one that was made by writes elsewhere', async () => {
    await cache.start();
    const elsewhere = openClient();
    for (let round = 0; round < 5; round++) {
      const revision = await put('anything', {}, elsewhere);
      const beganAt = Date.now();
      expect(await cache.waitForRevision(revision, 2_000)).toBe(true);
      expect(Date.now() - beganAt).toBeLessThan(500);
    }
  });

  it('reaches one right after the start', async () => {
    const starting = cache.start();
    const elsewhere = openClient();
    await starting;
    expect(await cache.waitForRevision(await put('anything', {}, elsewhere), 500)).toBe(true);
  });

  it('gives up in time on one that does not come, and leaves nobody listening', async () => {
    await cache.start();
    expect(await cache.waitForRevision((await client.revision()) + 1_000_000, 100)).toBe(false);
    expect(listeners()).toBe(0);
  });

  it('reads the wanted object at that revision, every time', async () => {
    await cache.start();
    for (let n = 1; n <= 30; n++) {
      const revision = await put('instances/a/spec', { n });
      expect(await cache.waitForRevision(revision, 2_000)).toBe(true);
      expect(cache.get('instances/a/spec')?.value).toEqual({ n });
    }
  });
});

describe('waiting for an object', () => {
  const target = { collection: 'instances', id: 'a' };
  const n = () => (cache.get('instances/a/spec')?.value as { n?: number } | undefined)?.n;

  it('looks at each change of it until the probe has an answer', async () => {
    await cache.start();
    const probe = jest.fn(() => ((n() ?? 0) >= 3 ? n() : undefined));
    const waiting = cache.waitForObject(target, probe, 5_000);
    for (const value of [1, 2]) await put('instances/a/spec', { n: value });
    await put('instances/b/spec');
    await caughtUp();
    expect(probe).toHaveBeenCalledTimes(3);
    await put('instances/a/spec', { n: 3 });
    expect(await waiting).toBe(3);
    expect(listeners()).toBe(0);
  });

  it('answers at once when it is so already, and nothing when it was aborted before', async () => {
    await cache.start();
    expect(await cache.waitForObject(target, () => 'now', 5_000, AbortSignal.abort())).toBe('now');
    expect(await cache.waitForObject(target, () => undefined, 5_000, AbortSignal.abort())).toBeUndefined();
  });

  it('gives up after its time, and when it is aborted, and leaves nobody listening', async () => {
    await cache.start();
    const abort = new AbortController();
    const removed = jest.spyOn(abort.signal, 'removeEventListener');
    const waiting = [cache.waitForObject(target, () => undefined, 50), cache.waitForObject(target, () => undefined, 60_000, abort.signal)];
    expect(listeners()).toBe(2);
    expect(await waiting[0]).toBeUndefined();
    abort.abort();
    expect(await waiting[1]).toBeUndefined();
    expect(removed).toHaveBeenCalledTimes(1);
    expect(listeners()).toBe(0);
  });

  it('fails with the probe that fails, and leaves nobody listening', async () => {
    await cache.start();
    const probe = () => {
      if (n() !== undefined) throw new Error('the probe is broken');
      return undefined;
    };
    const waiting = cache.waitForObject(target, probe, 5_000);
    await put('instances/a/spec', { n: 1 });
    await expect(waiting).rejects.toThrow('the probe is broken');
    expect(listeners()).toBe(0);
  });

  it('serves a thousand at once', async () => {
    await cache.start();
    const waiting = Array.from({ length: 1_000 }, () => cache.waitForObject(target, n, 5_000));
    await put('instances/a/spec', { n: 7 });
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([7]));
    expect(listeners()).toBe(0);
  });
});
