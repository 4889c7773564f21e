import { bodySweepWaitMsMax } from '../../domain/limits';
import type { Entry } from './client';
import type { Compare } from './commit';
import { unchanged } from './decisions';
import { BodyBeingSweptError } from './errors';
import { keys } from './keys';
import type { WatchCache } from './watch-cache';

/** Collections of immutable bodies, which exist for others once a commit names them. */
export const bodyCollections = ['lablet_definitions', 'artifacts', 'workloads'] as const;
export type BodyCollection = (typeof bodyCollections)[number];

/** Key `sweeping/{collection}`. It stays there when nothing is being swept, so that its revision only rises. */
export interface Sweeping {
  readonly schemaVersion: number;
  readonly hashes: readonly string[];
}

/** A body that is stored, and what the commit that comes to name it must compare. */
export interface GuardedBody {
  readonly hash: string;
  readonly guard: Compare;
}

/**
 * Stores a body that a commit will name. The danger is a sweep in between: it finds a body that nobody names, which is
 * there already when it is put here, and takes it away before the commit. So the sweep says first what it takes and last
 * that it is over, both under one key, and the commit compares that key as it was seen before the body was put.
 * Throws BodyBeingSweptError.
 */
export async function putGuarded<T>(cache: WatchCache, collection: BodyCollection, bodies: BodyStore<T>, body: T): Promise<GuardedBody> {
  const key = keys.sweeping(collection);
  const sweeping = () => cache.get(key) as Entry<Sweeping> | undefined;
  const put = async () => {
    const seen = sweeping();
    const hash = await bodies.put(body);
    return { hash, guard: unchanged(key, seen), isSwept: seen?.value.hashes.includes(hash) === true };
  };
  const first = await put();
  if (!first.isSwept) return first;
  const isOver = () => (sweeping()?.value.hashes.includes(first.hash) ? undefined : true);
  await cache.waitForObject({ collection: 'sweeping', id: collection }, isOver, bodySweepWaitMsMax);
  const second = await put();
  if (second.isSwept) throw new BodyBeingSweptError(collection, second.hash);
  return second;
}

interface BodyStore<T> {
  /** Answers the hash that the body is stored under. */
  put(body: T): Promise<string>;
}
