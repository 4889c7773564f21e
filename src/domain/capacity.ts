import type { Resources } from './definition';
import type { WorkerCapacity } from './worker';

/** What a worker can run out of. */
export type Dimension = keyof Resources;

/** Why a worker cannot hold more. `message` is a sentence about the worker. */
export interface CapacityRefusal {
  readonly code: 'NotEnoughMemory' | 'NotEnoughStorage' | 'NotEnoughCpu';
  readonly message: string;
  readonly dimension: Dimension;
  /** What may be promised in all. */
  readonly limit: number;
  readonly allocated: number;
  readonly requested: number;
}

/** More is given back than is held: a fault of the ledger that must not be hidden by counting to zero. */
export interface CapacityFault {
  readonly code: 'CapacityNotHeld';
  readonly message: string;
  readonly dimension: Dimension | 'instances';
  readonly allocated: number;
  readonly released: number;
}

/** In the order in which a refusal names them; memory first, since it is never promised twice. */
const dimensions = [
  { dimension: 'memoryMib', code: 'NotEnoughMemory', noun: 'memory', unit: 'MiB' },
  { dimension: 'storageMib', code: 'NotEnoughStorage', noun: 'storage', unit: 'MiB' },
  { dimension: 'cpuMillicores', code: 'NotEnoughCpu', noun: 'CPU', unit: 'millicores' },
] as const;

/** The capacity of a worker on which nothing is allocated. */
export function emptyCapacity(declared: Resources): WorkerCapacity {
  return { schemaVersion: 1, declared, allocated: { cpuMillicores: 0, memoryMib: 0, storageMib: 0 }, instances: 0 };
}

/** How much of a dimension may be promised: CPU `cpuRatio` times over, memory and storage once. */
export function limitOf(capacity: WorkerCapacity, dimension: Dimension, cpuRatio: number): number {
  const declared = capacity.declared[dimension];
  return dimension === 'cpuMillicores' ? Math.floor(declared * cpuRatio) : declared;
}

/** Why one dimension does not suffice. Who asks for nothing of it is not refused even where it is overdrawn. */
export function refusalOfCapacity(
  capacity: WorkerCapacity,
  resources: Resources,
  cpuRatio: number,
  dimension: Dimension,
): CapacityRefusal | undefined {
  const requested = amountOf(resources, dimension);
  const limit = limitOf(capacity, dimension, cpuRatio);
  const allocated = capacity.allocated[dimension];
  if (requested === 0 || allocated + requested <= limit) return undefined;
  const { code, noun, unit } = dimensions.find((row) => row.dimension === dimension)!;
  const free = Math.max(0, limit - allocated);
  const message = `needs ${requested} ${unit} of ${noun}, ${free} ${unit} of ${limit} ${unit} are free`;
  return { code, message, dimension, limit, allocated, requested };
}

/** Adds one instance's resources, or says which dimension does not suffice. */
export function claimCapacity(
  capacity: WorkerCapacity,
  resources: Resources,
  cpuRatio: number,
): { readonly value: WorkerCapacity } | { readonly refused: CapacityRefusal } {
  for (const { dimension } of dimensions) {
    const refused = refusalOfCapacity(capacity, resources, cpuRatio, dimension);
    if (refused) return { refused };
  }
  return { value: moved(capacity, resources, 1) };
}

/** Takes one instance's resources back, or says where less is held than is given back. */
export function releaseCapacity(
  capacity: WorkerCapacity,
  resources: Resources,
): { readonly value: WorkerCapacity } | { readonly refused: CapacityFault } {
  const held: ReadonlyArray<readonly [CapacityFault['dimension'], allocated: number, released: number]> = [
    ['instances', capacity.instances, 1],
    ...dimensions.map(
      ({ dimension }) => [dimension, capacity.allocated[dimension], amountOf(resources, dimension)] as const,
    ),
  ];
  for (const [dimension, allocated, released] of held) {
    if (released <= allocated) continue;
    const message = `${released} of ${dimension} are to be released, but only ${allocated} are held`;
    return { refused: { code: 'CapacityNotHeld', message, dimension, allocated, released } };
  }
  return { value: moved(capacity, resources, -1) };
}

function moved(capacity: WorkerCapacity, resources: Resources, sign: 1 | -1): WorkerCapacity {
  const { allocated } = capacity;
  return {
    ...capacity,
    allocated: {
      cpuMillicores: allocated.cpuMillicores + sign * resources.cpuMillicores,
      memoryMib: allocated.memoryMib + sign * resources.memoryMib,
      storageMib: allocated.storageMib + sign * resources.storageMib,
    },
    instances: capacity.instances + sign,
  };
}

/** A negative or broken amount would mint capacity out of nothing, so it stops here whoever let it through. */
function amountOf(resources: Resources, dimension: Dimension): number {
  const amount = resources[dimension];
  if (Number.isSafeInteger(amount) && amount >= 0) return amount;
  throw new RangeError(`${dimension} must be a whole number of at least 0, not ${amount}`);
}
