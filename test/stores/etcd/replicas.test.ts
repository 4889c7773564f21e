import type { EtcdClient } from '../../../src/stores/etcd/client';
import { CachedObjects } from '../../../src/stores/etcd/objects';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';
import { chance } from '../../support/chance';
import { closeClients, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { makeWorker, RandomWriter } from '../../support/random-writer';
import { TcpProxy } from '../../support/tcp-proxy';

const seed = Math.floor(Math.random() * 2 ** 31);
const workerIds = ['w-1', 'w-2'];
const rounds = 6;
const changesPerRound = 60;

let etcd: OwnEtcd;
let direct: EtcdClient;

beforeAll(async () => {
  etcd = await OwnEtcd.start();
  direct = openClient({ url: etcd.url });
  for (const id of workerIds) await makeWorker(direct, id);
});

afterAll(async () => {
  closeClients();
  await etcd.remove();
});

/** What one process of the control plane holds, on a line of its own that can be cut. */
class Replica {
  /** Revisions at which its ledger did not say what its allocations say: half of a transaction. */
  readonly torn: number[] = [];
  applied = 0;

  private constructor(
    readonly proxy: TcpProxy,
    readonly cache: WatchCache,
  ) {
    const objects = new CachedObjects(cache);
    cache.onApplied(({ revision }) => {
      this.applied += 1;
      if (!isWhole(objects)) this.torn.push(revision);
    });
  }

  static async start(): Promise<Replica> {
    const proxy = await TcpProxy.to(etcd.url);
    const cache = new WatchCache(openClient({ url: proxy.url, prefix: direct.prefix, requestTimeoutMs: 1_000 }), () => undefined);
    await cache.start();
    return new Replica(proxy, cache);
  }

  content(): unknown {
    return ['instances', 'workers', 'outbox'].flatMap((collection) => this.cache.collection(collection)).sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  async stop(): Promise<void> {
    this.cache.stop();
    await this.proxy.close();
  }
}

/** An allocation and what the ledger promises for it are written together. */
function isWhole(objects: CachedObjects): boolean {
  const placed = objects.instances().flatMap(({ allocation }) => (allocation ? [allocation.value.workerId] : []));
  return objects.workers().every(({ id, capacity }) => (capacity?.value.instances ?? 0) === placed.filter((workerId) => workerId === id).length);
}

test(`two replicas that are cut off in turns come to the same revision and content, and never show half of a transaction (seed ${seed})`, async () => {
  const random = chance(seed);
  const writer = new RandomWriter({ client: direct, name: 'one', random, workerIds });
  const replicas = [await Replica.start(), await Replica.start()];
  try {
    for (let round = 0; round < rounds; round++) {
      const away = replicas[round % 2]!;
      if (random() < 0.5) away.proxy.cut();
      else away.proxy.hold();
      await writer.write(changesPerRound);
      // What it has not seen is forgotten now and then, so that it has to list anew.
      if (round % 3 === 2) await direct.raw.kv.compact({ revision: String(await direct.revision()), physical: true });
      away.proxy.pass();
      await writer.write(changesPerRound);
    }
    const revision = await direct.revision();
    for (const { cache } of replicas) expect(await cache.waitForRevision(revision, 30_000)).toBe(true);
    await eventually('both know the same revision', () => replicas.every(({ cache }) => cache.revision === revision));
    const { entries } = await direct.list('');
    const kept = entries.filter(({ key }) => /^(instances|workers|outbox)\//.test(key)).sort((one, other) => (one.key < other.key ? -1 : 1));
    for (const replica of replicas) expect(replica.content()).toEqual(kept);
    expect(replicas.map(({ torn }) => torn)).toEqual([[], []]);
    expect(replicas.every(({ applied }) => applied > changesPerRound)).toBe(true);
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}, 180_000);
