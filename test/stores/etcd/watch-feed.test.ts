import { EventEmitter } from 'node:events';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import { decode } from '../../../src/stores/etcd/client';
import { WatchFeed } from '../../../src/stores/etcd/watch-feed';
import { eventually } from '../../support/etcd';

/** A watch stream whose responses the test writes. */
class ScriptedStream extends EventEmitter {
  readonly requests: Array<{ create_request?: { start_revision: string }; progress_request?: object }> = [];
  isCancelled = false;

  write(request: ScriptedStream['requests'][number]): void {
    this.requests.push(request);
  }

  end(): void {
    this.emit('end');
  }

  cancel(): void {
    if (!this.isCancelled) setImmediate(() => this.emit('error', new Error('CANCELLED')));
    this.isCancelled = true;
  }

  get startRevision(): number | undefined {
    return Number(this.requests.find(({ create_request }) => create_request)?.create_request?.start_revision);
  }

  responds(response: { readonly header?: object; readonly [field: string]: unknown }): void {
    this.emit('data', { created: false, canceled: false, compact_revision: '0', cancel_reason: '', events: [], ...response, header: { revision: '0', cluster_id: 'first', ...response.header } });
  }

  puts(revision: number, ...names: readonly string[]): void {
    this.responds({ header: { revision: String(revision + 5) }, events: names.map((name) => eventOf(name, revision)) });
  }
}

function eventOf(name: string, revision: number, type = 'PUT') {
  return { type, kv: { key: Buffer.from(`/p/${name}`), value: Buffer.from('{}'), mod_revision: String(revision) } };
}

/** An etcd that lists nothing, at a revision that the test says. */
class ScriptedEtcd {
  readonly streams: ScriptedStream[] = [];
  listRevision = 10;
  lists = 0;
  clusterId = 'first';

  readonly client = {
    forgetToken: () => undefined,
    key: (relative: string) => Buffer.from(`/p/${relative}`),
    relative: (key: Buffer) => key.toString().slice('/p/'.length),
    entry: (kv: { key: Buffer; value: Buffer; mod_revision: string }) => ({ key: kv.key.toString().slice('/p/'.length), value: decode(kv.value), revision: Number(kv.mod_revision) }),
    raw: {
      kv: {
        range: () => {
          this.lists += 1;
          return Promise.resolve({ header: { revision: String(this.listRevision), cluster_id: this.clusterId }, kvs: [], more: false });
        },
      },
      watchClient: {
        watch: () => {
          const stream = new ScriptedStream();
          this.streams.push(stream);
          return Promise.resolve(stream);
        },
      },
    },
  } as unknown as EtcdClient;

  async stream(number: number): Promise<ScriptedStream> {
    await eventually(`stream ${number} is open`, () => (this.streams[number - 1]?.requests.length ?? 0) > 0);
    return this.streams[number - 1]!;
  }
}

let etcd: ScriptedEtcd;
let feed: WatchFeed;
let told: string[];
let broken: string | undefined;

beforeEach(async () => {
  etcd = new ScriptedEtcd();
  told = [];
  broken = undefined;
  feed = new WatchFeed(etcd.client, {
    onList: (revision, _entries, why) => told.push(`list ${revision}${why === undefined ? '' : ` ${why}`}`),
    onChanges: (revision, changes) => {
      const line = `${revision}: ${changes.map(({ key, entry }) => (entry ? key : `-${key}`)).join(' ')}`;
      if (line === broken) throw new Error('the listener is broken');
      told.push(line);
    },
    onProgress: (revision) => told.push(`progress ${revision}`),
    onProblem: () => undefined,
  });
  await feed.start();
});

afterEach(() => feed.stop());

describe('a watch feed', () => {
  it('watches from the revision after its list', async () => {
    expect((await etcd.stream(1)).startRevision).toBe(11);
    expect(told).toEqual(['list 10']);
  });

  it('tells each transaction of a response as a whole, deletes included', async () => {
    const stream = await etcd.stream(1);
    stream.responds({ header: { revision: '20' }, events: [eventOf('a', 11), eventOf('b', 11, 'DELETE'), eventOf('c', 13)] });
    expect(told.slice(1)).toEqual(['11: a -b', '13: c']);
  });

  it('takes no header for progress: it runs ahead of the events that are still to come', async () => {
    const stream = await etcd.stream(1);
    stream.responds({ created: true, header: { revision: '99' } });
    stream.puts(11, 'a');
    stream.end();
    expect((await etcd.stream(2)).startRevision).toBe(12);
    expect(told.slice(1)).toEqual(['11: a']);
  });

  it('takes an answer without events for a proof', async () => {
    const stream = await etcd.stream(1);
    stream.responds({ header: { revision: '40' } });
    stream.responds({ header: { revision: '30' } });
    stream.end();
    expect((await etcd.stream(2)).startRevision).toBe(41);
    expect(told.slice(1)).toEqual(['progress 40', 'progress 40']);
  });

  it('tells nothing twice that a second stream brings again', async () => {
    const stream = await etcd.stream(1);
    stream.puts(11, 'a');
    stream.puts(12, 'b');
    stream.puts(11, 'a');
    expect(told.slice(1)).toEqual(['11: a', '12: b']);
  });

  it('lets nothing through after a change that could not be told, until that one was', async () => {
    const stream = await etcd.stream(1);
    broken = '11: a';
    stream.puts(11, 'a');
    stream.puts(12, 'b');
    expect(stream.isCancelled).toBe(true);
    broken = undefined;
    const second = await etcd.stream(2);
    expect(second.startRevision).toBe(11);
    second.puts(11, 'a');
    stream.puts(13, 'c');
    second.puts(12, 'b');
    expect(told.slice(1)).toEqual(['11: a', '12: b']);
  });

  it.each([
    ['breaks', (stream: ScriptedStream) => stream.emit('error', new Error('UNAVAILABLE'))],
    ['ends', (stream: ScriptedStream) => stream.end()],
    ['is cancelled', (stream: ScriptedStream) => stream.responds({ canceled: true, cancel_reason: 'no leader' })],
  ])('opens another stream where it was when one %s', async (_how, happens) => {
    const stream = await etcd.stream(1);
    stream.puts(11, 'a');
    happens(stream);
    expect((await etcd.stream(2)).startRevision).toBe(12);
    expect(etcd.lists).toBe(1);
  });

  it('lists anew when etcd has compacted what it missed', async () => {
    const stream = await etcd.stream(1);
    etcd.listRevision = 70;
    stream.responds({ canceled: true, compact_revision: '60', cancel_reason: 'compacted' });
    expect((await etcd.stream(2)).startRevision).toBe(71);
    expect(told).toEqual(['list 10', 'list 70 compacted']);
  });

  it('lists anew when etcd has gone back: another one is there', async () => {
    const stream = await etcd.stream(1);
    stream.puts(11, 'a');
    stream.end();
    const second = await etcd.stream(2);
    etcd.listRevision = 3;
    second.responds({ created: true, header: { revision: '3' } });
    expect((await etcd.stream(3)).startRevision).toBe(4);
    expect(told).toEqual(['list 10', '11: a', 'list 3 replaced']);
  });

  it('lists anew when a cluster of another id answers, however far that one is', async () => {
    const stream = await etcd.stream(1);
    etcd.clusterId = 'another';
    etcd.listRevision = 500;
    stream.responds({ created: true, header: { revision: '500', cluster_id: 'another' } });
    expect((await etcd.stream(2)).startRevision).toBe(501);
    expect(told).toEqual(['list 10', 'list 500 replaced']);
  });

  it('goes on with a member that lags behind its cluster', async () => {
    const stream = await etcd.stream(1);
    stream.responds({ created: true, header: { revision: '7' } });
    await new Promise(setImmediate);
    stream.puts(11, 'a');
    expect(stream.isCancelled).toBe(false);
    expect(told).toEqual(['list 10', '11: a']);
  });

  it('lists anew when it is told to', async () => {
    await etcd.stream(1);
    etcd.listRevision = 12;
    feed.relist('different');
    expect((await etcd.stream(2)).startRevision).toBe(13);
    expect(told).toEqual(['list 10', 'list 12 different']);
  });

  it('asks for progress only of a stream that is open', async () => {
    const stream = await etcd.stream(1);
    feed.askProgress();
    expect(stream.requests).toContainEqual({ progress_request: {} });
    stream.end();
    feed.askProgress();
    expect(stream.requests).toHaveLength(2);
  });

  it('opens no other stream after it was stopped', async () => {
    const stream = await etcd.stream(1);
    feed.stop();
    expect(stream.isCancelled).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(etcd.streams).toHaveLength(1);
  });
});
