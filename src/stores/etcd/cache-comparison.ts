import { GRPCOutOfRangeError } from 'etcd3';
import { cacheCompareIntervalMs, cacheComparedKeysMax } from '../../domain/limits';
import { pause } from '../../pause';
import type { Telemetry } from '../../telemetry';
import type { EtcdClient } from './client';
import { rangeEnd } from './client';
import { keys } from './keys';
import { pagesOf } from './pages';
import type { WatchCache } from './watch-cache';

/** The revision at which each key was changed last. */
export type Revisions = ReadonlyMap<string, number>;

/**
 * Keys in which a cache differs from the store, as the store was at one revision that the cache has reached. What has
 * changed since says nothing: of it the cache knows more than the list.
 */
export function differingKeys(listed: Revisions, cached: Revisions, changedSince: ReadonlySet<string>): string[] {
  const all = new Set([...listed.keys(), ...cached.keys()]);
  return [...all].filter((key) => !changedSince.has(key) && listed.get(key) !== cached.get(key));
}

/** `later`: it could not be compared this time. */
export type Comparison = { readonly kind: 'equal' | 'later' } | { readonly kind: 'different'; readonly keys: readonly string[] };

const catchUpMsMax = 10_000;
const listPageSize = 5_000;

/**
 * Compares a cache with etcd at one revision: key by key, since etcd has no digest of its own, but without the values.
 * Changes are noted from before the list is asked for, so that those after its revision are known when it is here.
 */
export async function compareWithStore(client: EtcdClient, cache: WatchCache): Promise<Comparison> {
  const changes: Array<{ readonly key: string; readonly revision: number }> = [];
  let relisted = false;
  const stop = cache.onApplied((applied) => {
    relisted ||= applied.relisted;
    for (const { key } of applied.changes) changes.push({ key, revision: applied.revision });
  });
  try {
    const list = await listRevisions(client);
    if (list === undefined || !(await cache.waitForRevision(list.revision, catchUpMsMax)) || relisted) return { kind: 'later' };
    const changedSince = new Set(changes.filter(({ revision }) => revision > list.revision).map(({ key }) => key));
    const cached = new Map([...cache.entries()].map(({ key, revision }) => [key, revision]));
    const different = await readable(client, differingKeys(list.revisions, cached, changedSince), cached);
    return different.length === 0 ? { kind: 'equal' } : { kind: 'different', keys: different };
  } finally {
    stop();
  }
}

/** All keys but the idempotency records, which caches do not keep; undefined when they are too many, or compacted meanwhile. */
async function listRevisions(client: EtcdClient): Promise<{ revision: number; revisions: Revisions } | undefined> {
  const [start, end] = [client.key(''), rangeEnd(client.key(''))];
  const skipped = client.key(keys.idempotencyPrefix);
  const revisions = new Map<string, number>();
  let at: string | undefined;
  try {
    for (const range of [{ from: start, to: skipped }, { from: rangeEnd(skipped), to: end }]) {
      for await (const page of pagesOf(client, { ...range, pageSize: listPageSize, keysOnly: true, revision: at })) {
        if (page.kvs.length + revisions.size > cacheComparedKeysMax) return undefined;
        at ??= page.header.revision;
        for (const { key, mod_revision } of page.kvs) revisions.set(client.relative(key), Number(mod_revision));
      }
    }
    return { revision: Number(at), revisions };
  } catch (error) {
    if (error instanceof GRPCOutOfRangeError) return undefined;
    throw error;
  }
}

/** A value that cannot be read, put there by another hand, is in no cache. */
async function readable(client: EtcdClient, different: readonly string[], cached: Revisions): Promise<string[]> {
  const missing = different.filter((key) => !cached.has(key));
  const unreadable = new Set<string>();
  for (const key of missing) if (!(await isReadable(client, key))) unreadable.add(key);
  return different.filter((key) => !unreadable.has(key));
}

async function isReadable(client: EtcdClient, key: string): Promise<boolean> {
  try {
    await client.get(key);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

export interface ComparingOptions {
  readonly client: EtcdClient;
  readonly cache: WatchCache;
  readonly telemetry: Telemetry;
  readonly onProblem: (problem: string, cause?: unknown) => void;
  readonly intervalMs?: number;
}

/** How many of the keys that differ are named to a person. */
const namedKeysMax = 10;

/** Compares now and then, until it is stopped; a cache that is wrong is taken anew. */
export async function compareNowAndThen(options: ComparingOptions, stopped: AbortSignal): Promise<void> {
  const { client, cache, telemetry, onProblem, intervalMs = cacheCompareIntervalMs } = options;
  while (!stopped.aborted) {
    // So that the processes that started together do not ask together.
    await pause(intervalMs * (0.5 + Math.random()), stopped);
    if (stopped.aborted || !cache.current) continue;
    const compared = await compareWithStore(client, cache).catch((cause: unknown): Comparison => {
      if (!stopped.aborted) onProblem('the watch cache could not be compared with etcd', cause);
      return { kind: 'later' };
    });
    if (compared.kind === 'later') continue;
    telemetry.cacheCompared(compared.kind);
    if (compared.kind !== 'different') continue;
    onProblem(`the watch cache differs from etcd in ${compared.keys.length} keys: ${compared.keys.slice(0, namedKeysMax).join(', ')}`);
    cache.relist();
  }
}
