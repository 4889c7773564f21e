import { emptyCapacity } from './capacity';
import type { Resources } from './definition';
import type { Allocation, InstanceStatus } from './instance';
import { holdsNothing } from './phases';
import { heldPorts } from './ports';
import type { PlanEntry } from './plan';
import type { WorkerCapacity, WorkerPorts } from './worker';

/** One thing that the ledger says and the allocations do not, or the other way round. */
export interface LedgerFinding {
  readonly code:
    | 'port_without_allocation'
    | 'allocation_without_port'
    | 'port_held_twice'
    | 'capacity_differs'
    | 'allocation_without_worker'
    | 'plan_without_allocation'
    | 'phase_without_allocation'
    | 'allocation_in_wrong_phase'
    | 'lifecycle_missing';
  readonly object: string;
  readonly message: string;
}

/** The whole ledger, as it was at one revision. */
export interface LedgerState {
  readonly instances: ReadonlyArray<{ readonly id: string; readonly status: Pick<InstanceStatus, 'phase'>; readonly allocation?: Allocation }>;
  readonly workers: ReadonlyArray<{
    readonly id: string;
    readonly capacity?: WorkerCapacity;
    readonly ports?: WorkerPorts;
    readonly plan: readonly PlanEntry[];
  }>;
}

/** Recomputes bitmaps and sums from the allocations, and names every difference. */
export function auditLedger(state: LedgerState): LedgerFinding[] {
  const workerIds = new Set(state.workers.map((worker) => worker.id));
  return [
    ...state.workers.flatMap((worker) => auditWorker(worker, state.instances)),
    ...state.instances.flatMap((instance) => auditInstance(instance, workerIds)),
  ];
}

function auditInstance({ id, status, allocation }: LedgerState['instances'][number], workerIds: ReadonlySet<string>): LedgerFinding[] {
  const findings: LedgerFinding[] = [];
  if (allocation && holdsNothing(status.phase)) {
    findings.push({ code: 'allocation_in_wrong_phase', object: `instances/${id}`, message: `is ${status.phase} and still holds ${allocation.allocationId}` });
  }
  if (!allocation && !holdsNothing(status.phase)) {
    findings.push({ code: 'phase_without_allocation', object: `instances/${id}`, message: `is ${status.phase} and holds no allocation` });
  }
  if (allocation && !workerIds.has(allocation.workerId)) {
    findings.push({ code: 'allocation_without_worker', object: `instances/${id}`, message: `is allocated on ${allocation.workerId}, which does not exist` });
  }
  return findings;
}

function auditWorker(worker: LedgerState['workers'][number], instances: LedgerState['instances']): LedgerFinding[] {
  const allocations = instances.flatMap(({ id, allocation }) => (allocation?.workerId === worker.id ? [{ id, allocation }] : []));
  return [...auditPorts(worker, allocations), ...auditCapacity(worker, allocations), ...auditPlan(worker, allocations)];
}

type Allocations = ReadonlyArray<{ readonly id: string; readonly allocation: Allocation }>;

function auditPorts(worker: LedgerState['workers'][number], allocations: Allocations): LedgerFinding[] {
  const object = `workers/${worker.id}/ports`;
  const holders = new Map<number, string[]>();
  for (const { id, allocation } of allocations) {
    for (const [name, port] of Object.entries(allocation.ports)) holders.set(port, [...(holders.get(port) ?? []), `${id}:${name}`]);
  }
  const held = new Set(worker.ports ? heldPorts(worker.ports) : []);
  const twice = [...holders].filter(([, names]) => names.length > 1);
  const orphaned = [...held].filter((port) => !holders.has(port));
  const unmarked = [...holders].filter(([port]) => !held.has(port));
  return [
    ...twice.map(([port, names]) => ({ code: 'port_held_twice' as const, object, message: `port ${port} is held by ${names.join(' and ')}` })),
    ...orphaned.map((port) => ({ code: 'port_without_allocation' as const, object, message: `port ${port} is marked as held, but by no allocation` })),
    ...unmarked.map(([port, names]) => ({ code: 'allocation_without_port' as const, object, message: `port ${port} of ${names.join(', ')} is marked as free` })),
  ];
}

function auditCapacity(worker: LedgerState['workers'][number], allocations: Allocations): LedgerFinding[] {
  if (!worker.capacity) {
    if (allocations.length === 0) return [];
    return [{ code: 'capacity_differs', object: `workers/${worker.id}/capacity`, message: `is missing, though ${allocations.length} allocations are there` }];
  }
  const { allocated, instances, declared } = worker.capacity;
  const sum = allocations.reduce<Resources>(
    (total, { allocation }) => ({
      cpuMillicores: total.cpuMillicores + allocation.resources.cpuMillicores,
      memoryMib: total.memoryMib + allocation.resources.memoryMib,
      storageMib: total.storageMib + allocation.resources.storageMib,
    }),
    emptyCapacity(declared).allocated,
  );
  const dimensions = (Object.keys(sum) as Array<keyof Resources>).filter((dimension) => sum[dimension] !== allocated[dimension]);
  const differences = [
    ...dimensions.map((dimension) => `${dimension} ${allocated[dimension]} instead of ${sum[dimension]}`),
    ...(instances === allocations.length ? [] : [`instances ${instances} instead of ${allocations.length}`]),
  ];
  if (differences.length === 0) return [];
  return [{ code: 'capacity_differs', object: `workers/${worker.id}/capacity`, message: `says ${differences.join(', ')}` }];
}

function auditPlan(worker: LedgerState['workers'][number], allocations: Allocations): LedgerFinding[] {
  const known = new Set(allocations.map(({ allocation }) => allocation.allocationId));
  return worker.plan
    .filter((entry) => !known.has(entry.allocationId))
    .map((entry) => ({
      code: 'plan_without_allocation' as const,
      object: `workers/${worker.id}/plan/${entry.allocationId}`,
      message: `is in the plan for instance ${entry.instanceId}, but not allocated`,
    }));
}
