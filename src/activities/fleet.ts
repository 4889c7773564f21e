import { isQueued } from '../domain/instance-next';
import type { FleetWorker, PlacementRequest } from '../domain/placement';
import { fleetWorker, inQueueOrder, placementRequest } from '../domain/placement';
import { poolOf } from '../domain/pool';
import { parseKey } from '../stores/etcd/keys';
import type { CachedObjects, InstanceEntries } from '../stores/etcd/objects';
import type { Applied } from '../stores/etcd/watch-cache';
import { workerViewOf } from '../stores/etcd/views';

/**
 * The workers and the pending queue, kept up to date with the watch cache: a placement costs what waits, not what
 * exists. A worker's view is made once per change of its heads, since what is derived from it (the decoded port
 * bitmap) is kept with it.
 */
export class Fleet {
  private readonly live = new Map<string, FleetWorker>();
  private readonly waiting = new Map<string, InstanceEntries>();

  constructor(private readonly cached: CachedObjects) {
    this.reload();
    cached.cache.onApplied((applied) => this.follow(applied));
  }

  workers(): FleetWorker[] {
    return [...this.live.values()];
  }

  /** Who waits for a place, in the queue's order. */
  queue(): InstanceEntries[] {
    return [...this.waiting.values()].sort((one, other) => inQueueOrder(requestOf(one), requestOf(other)));
  }

  /** Whether somebody who waits for the same pool comes before this instance. */
  hasOlderWaiting(entries: InstanceEntries): boolean {
    const pool = poolOf(entries.spec.value);
    const request = requestOf(entries);
    return [...this.waiting.values()].some(
      (other) => other.id !== entries.id && poolOf(other.spec.value) === pool && inQueueOrder(requestOf(other), request) < 0,
    );
  }

  private follow({ changes, relisted }: Applied): void {
    if (relisted) return this.reload();
    const touched = new Set(changes.map(({ key }) => key));
    for (const key of touched) {
      const { collection, id, part } = parseKey(key);
      if (collection === 'workers' && !part.startsWith('plan/')) this.refreshWorker(id);
      if (collection === 'instances' && (part === 'spec' || part === 'state')) this.refreshInstance(id);
    }
  }

  private reload(): void {
    this.live.clear();
    this.waiting.clear();
    for (const { id } of this.cached.workers()) this.refreshWorker(id);
    for (const { id } of this.cached.instances()) this.refreshInstance(id);
  }

  private refreshWorker(id: string): void {
    const entries = this.cached.worker(id);
    if (!entries || entries.status.value.phase === 'TERMINATED') this.live.delete(id);
    else this.live.set(id, fleetWorker(workerViewOf(entries)));
  }

  private refreshInstance(id: string): void {
    const entries = this.cached.instance(id);
    if (entries && isWaitingForPlace(entries)) this.waiting.set(id, entries);
    else this.waiting.delete(id);
  }
}

/** What an instance asks placement for; after a failure it prefers the worker that it was on. */
export function requestOf(entries: InstanceEntries): PlacementRequest {
  return placementRequest(entries.spec.value, entries.status.value.formerWorkerId);
}

function isWaitingForPlace({ spec, status }: InstanceEntries): boolean {
  return status.value.phase === 'PENDING' && spec.value.intent === 'running' && !spec.value.paused && isQueued(status.value);
}
