import { emptyCapacity } from '../../src/domain/capacity';
import type { PortRequest, Resources } from '../../src/domain/definition';
import type { FleetWorker, PlacementRequest } from '../../src/domain/placement';
import { claimPorts, emptyPorts } from '../../src/domain/ports';
import type { WorkerPorts } from '../../src/domain/worker';

/** A running worker with 4 cores, 4 GiB and ports 2000-2009, but for what is said. */
export function worker(id: string, differences: Partial<FleetWorker> = {}): FleetWorker {
  return {
    id,
    org: 'platform',
    phase: 'RUNNING',
    intent: 'running',
    paused: false,
    labels: {},
    online: true,
    capacity: emptyCapacity(resources(4000, 4096, 10_000)),
    cpuRatio: 4,
    ports: emptyPorts({ from: 2000, to: 2009 }),
    hostPorts: [],
    ...differences,
  };
}

/** A request that fits on every such worker, but for what is said. */
export function request(instanceId: string, differences: Partial<PlacementRequest> = {}): PlacementRequest {
  return {
    instanceId,
    org: 'default',
    resources: resources(100, 512, 10),
    ports: [],
    constraints: { labels: {} },
    priority: 0,
    createdAt: '2026-11-21T10:00:00.000Z',
    ...differences,
  };
}

export function resources(cpuMillicores: number, memoryMib: number, storageMib: number): Resources {
  return { cpuMillicores, memoryMib, storageMib };
}

/** A worker's capacity of which some is allocated. */
export function using(allocated: Resources): Partial<FleetWorker> {
  return { capacity: { ...worker('any').capacity, allocated, instances: 1 } };
}

/** The ledger of the range 2000-2009 with some ports held. */
export function holding(...numbers: readonly number[]): WorkerPorts {
  const claimed = claimPorts(emptyPorts({ from: 2000, to: 2009 }), numbers);
  if ('refused' in claimed) throw new Error(claimed.refused.message);
  return claimed.value;
}

/** Port requests p0, p1 …, fixed where a number stands. */
export function ports(...numbers: ReadonlyArray<number | undefined>): PortRequest[] {
  return numbers.map((port, index) => ({ name: `p${index}`, protocol: 'tcp', ...(port !== undefined && { port }) }));
}
