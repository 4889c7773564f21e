import type { FleetWorker, PlacementRequest } from '../domain/placement';
import { fleetWorker, inQueueOrder, placementRequest } from '../domain/placement';
import { isQueued } from '../domain/instance-next';
import { poolOf } from '../domain/pool';
import type { CachedObjects, InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import { workerViewOf } from './views';

/**
 * The workers and the queue as the watch cache shows them. A worker's view is made once per change of its heads,
 * since what is derived from it (the decoded port bitmap) is kept with it.
 */
export class Fleet {
  private readonly known = new Map<string, { version: string; worker: FleetWorker }>();

  constructor(private readonly cached: CachedObjects) {}

  workers(): FleetWorker[] {
    const entries = this.cached.workers();
    const ids = new Set(entries.map((entry) => entry.id));
    for (const id of this.known.keys()) if (!ids.has(id)) this.known.delete(id);
    return entries.filter((entry) => entry.status.value.phase !== 'TERMINATED').map((entry) => this.worker(entry));
  }

  /** Who waits for a place, in the queue's order. */
  queue(): InstanceEntries[] {
    const waiting = this.cached.instances().filter((entries) => isWaitingForPlace(entries));
    return waiting.sort((one, other) => inQueueOrder(requestOf(one), requestOf(other)));
  }

  /** Whether somebody who waits for the same pool comes before this instance. */
  hasOlderWaiting(entries: InstanceEntries): boolean {
    const pool = poolOf(entries.spec.value.constraints);
    const request = requestOf(entries);
    return this.queue().some(
      (other) => other.id !== entries.id && poolOf(other.spec.value.constraints) === pool && inQueueOrder(requestOf(other), request) < 0,
    );
  }

  private worker(entries: WorkerEntries): FleetWorker {
    const { spec, status, capacity, ports, observed, lease } = entries;
    const version = [spec, status, capacity, ports, observed, lease].map((entry) => entry?.revision ?? 0).join('.');
    const known = this.known.get(entries.id);
    if (known?.version === version) return known.worker;
    const worker = fleetWorker(workerViewOf(entries));
    this.known.set(entries.id, { version, worker });
    return worker;
  }
}

/** What an instance asks placement for; after a failure it prefers the worker that it was on. */
export function requestOf(entries: InstanceEntries): PlacementRequest {
  return placementRequest(entries.spec.value, entries.status.value.formerWorkerId);
}

function isWaitingForPlace({ spec, status }: InstanceEntries): boolean {
  return status.value.phase === 'PENDING' && spec.value.intent === 'running' && !spec.value.paused && isQueued(status.value);
}
