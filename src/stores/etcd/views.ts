import type { InstanceView } from '../../domain/instance';
import type { WorkerView } from '../../domain/worker';
import type { InstanceEntries, WorkerEntries } from './objects';

/** The values of an instance's keys, for the pure rules. */
export function viewOf(entries: InstanceEntries): InstanceView {
  return {
    spec: entries.spec.value,
    status: entries.status.value,
    ...(entries.allocation && { allocation: entries.allocation.value }),
    ...(entries.observed && { observed: entries.observed.value }),
  };
}

/** The values of a worker's keys, for the pure rules. */
export function workerViewOf(entries: WorkerEntries): WorkerView {
  return {
    spec: entries.spec.value,
    status: entries.status.value,
    ...(entries.capacity && { capacity: entries.capacity.value }),
    ...(entries.ports && { ports: entries.ports.value }),
    ...(entries.observed && { observed: entries.observed.value }),
    online: entries.lease !== undefined,
  };
}
