import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Epochs } from '../domain/epochs';
import { migrationWaitMs } from '../domain/limits';
import { compareNowAndThen } from '../stores/etcd/cache-comparison';
import type { EtcdOptions } from '../stores/etcd/client';
import { EtcdClient } from '../stores/etcd/client';
import { Committer } from '../stores/etcd/committer';
import { openEpoch } from '../stores/etcd/epoch';
import { keys } from '../stores/etcd/keys';
import { isEtcdFailure, isEtcdOutage } from '../stores/etcd/failures';
import { Leases } from '../stores/etcd/lease';
import { withLock } from '../stores/etcd/lock';
import { CachedObjects, FreshObjects } from '../stores/etcd/objects';
import type { EtcdIdentity } from '../stores/etcd/rights';
import { WatchCache } from '../stores/etcd/watch-cache';
import type { OneAtATime } from '../stores/mongo/migrate';
import type { EtcdSettings } from './environment';
import { checkEtcdRights } from './etcd-rights';
import type { Metrics } from './metrics';

/** How a process speaks to etcd as itself. */
export function etcdOptions({ etcdEndpoints, etcdPrefix, etcdAccess }: EtcdSettings): EtcdOptions {
  return { endpoints: etcdEndpoints, prefix: etcdPrefix, access: etcdAccess };
}

/** The live state, as every process of the control plane uses it. */
export interface LiveStores {
  readonly client: EtcdClient;
  /** Whether etcd lets this process look after its room. */
  readonly mayMaintain: boolean;
  readonly epochs: Epochs;
  /** Rejects when the store is in another epoch than it was: what this process knows may be lost history. */
  readonly epochEnded: Promise<never>;
  readonly cache: WatchCache;
  readonly cached: CachedObjects;
  readonly fresh: FreshObjects;
  readonly committer: Committer;
  readonly leases: Leases;
  close(): void;
}

/** What one process of all does at a time before it starts: it migrates MongoDB. */
export function migrationLock(leases: Leases): OneAtATime {
  const options = { key: keys.migrationLock, holder: `${hostname()}/${process.pid}`, waitMs: migrationWaitMs };
  return (work) => withLock(leases, options, work);
}

/** Connects to etcd, opens its epoch, and resolves when the watch cache holds everything. */
export async function openLiveStores(settings: EtcdSettings, log: Logger, metrics: Metrics, identity: EtcdIdentity = 'control'): Promise<LiveStores> {
  const client = new EtcdClient({ ...etcdOptions(settings), telemetry: metrics });
  const { mayMaintain, epochs } = await openAs(client, settings, identity, log).catch((cause: unknown) => {
    client.close();
    if (!isEtcdOutage(cause) && isEtcdFailure(cause)) throw new Error(`etcd refuses this process: ${cause.message}; are BERTH_ETCD_USERNAME and BERTH_ETCD_PASSWORD_FILE right?`, { cause });
    if (!isEtcdOutage(cause)) throw cause;
    throw new Error(`etcd at ${settings.etcdEndpoints.join(', ')} does not answer; is it running, and is BERTH_ETCD_ENDPOINTS right?`, { cause });
  });
  const onProblem = (problem: string, cause?: unknown) => log.warn({ err: cause }, problem);
  const cache = new WatchCache(client, onProblem, { telemetry: metrics });
  await cache.start();
  // As the cache has it, so that what was done to the store since it was opened is noticed as well.
  const epochKey = cache.get(keys.epoch);
  if (epochIn(cache) !== epochs.epoch) throw new Error(`the store was restored while this process started: it is in epoch ${epochIn(cache) ?? 'none'}, and was in epoch ${epochs.epoch}; start it again`);
  metrics.follow(cache);
  const closing = new AbortController();
  void compareNowAndThen({ client, cache, telemetry: metrics, onProblem }, closing.signal);
  return {
    client,
    mayMaintain,
    epochs,
    epochEnded: untilEpochEnds(cache, epochs),
    cache,
    cached: new CachedObjects(cache),
    fresh: new FreshObjects(client),
    committer: new Committer(client, () => epochs.epoch, { key: keys.epoch, revision: epochKey?.revision ?? 0 }),
    leases: new Leases(client),
    close: () => {
      closing.abort();
      cache.stop();
      client.close();
    },
  };
}

async function openAs(client: EtcdClient, settings: EtcdSettings, identity: EtcdIdentity, log: Logger): Promise<Pick<LiveStores, 'mayMaintain' | 'epochs'>> {
  const { mayMaintain } = await checkEtcdRights(client, settings, identity, log);
  return { mayMaintain, epochs: await openEpoch(client) };
}

/** For a process that lived through a restore: it has to begin anew. */
function untilEpochEnds(cache: WatchCache, { epoch }: Epochs): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    cache.onApplied(() => {
      const present = epochIn(cache);
      // A store without an epoch is an empty one that was put where etcd was.
      if (present !== epoch) reject(new Error(`the store was restored: it is in epoch ${present ?? 'none'}, and this process began in epoch ${epoch}; it has to be started again`));
    });
  });
  // Who does not wait for it is not ended by it.
  ended.catch(() => undefined);
  return ended;
}

function epochIn(cache: WatchCache): number | undefined {
  return (cache.get(keys.epoch)?.value as Partial<Epochs> | undefined)?.epoch;
}

/** A connection to each member of etcd for maintenance, by its address; they connect when they are used. */
export function openMembers(settings: EtcdSettings): ReadonlyMap<string, EtcdClient> {
  const access = settings.etcdMaintenanceAccess ?? settings.etcdAccess;
  return new Map(settings.etcdEndpoints.map((endpoint) => [endpoint, new EtcdClient({ endpoints: [endpoint], prefix: settings.etcdPrefix, access })]));
}
