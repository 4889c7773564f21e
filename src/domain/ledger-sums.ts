import { emptyCapacity } from './capacity';
import type { Resources } from './definition';
import type { Allocation } from './instance';
import { encodeBits, inRange, rangeSize, setBit } from './port-bitmap';
import type { PortRange, WorkerCapacity, WorkerPorts } from './worker';

/** What a worker's capacity must say, given who is allocated on it. */
export function capacityFrom(declared: Resources, allocations: readonly Allocation[]): WorkerCapacity {
  const allocated = allocations.reduce<Resources>(
    (total, { resources }) => ({
      cpuMillicores: total.cpuMillicores + resources.cpuMillicores,
      memoryMib: total.memoryMib + resources.memoryMib,
      storageMib: total.storageMib + resources.storageMib,
    }),
    emptyCapacity(declared).allocated,
  );
  return { ...emptyCapacity(declared), allocated, instances: allocations.length };
}

/** What a worker's bitmap must say. A port outside of the range has no bit, so it stays a fault of its allocation. */
export function portsFrom(range: PortRange, allocations: readonly Allocation[]): WorkerPorts {
  const bits = new Uint8Array(Math.ceil(rangeSize(range) / 8));
  for (const { ports } of allocations) {
    for (const port of Object.values(ports)) if (inRange(range, port)) setBit(bits, port - range.from);
  }
  return encodeBits(range, bits);
}
