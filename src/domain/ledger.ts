import type { Resources } from './definition';
import type { Allocation, InstanceStatus } from './instance';
import type { PlannedStatus } from './ledger-plan';
import { differencesOfEntry, planEntryOf } from './ledger-plan';
import { capacityFrom } from './ledger-sums';
import { holdsNothing } from './phases';
import { CorruptPortBitmapError } from './port-bitmap';
import { heldPorts } from './ports';
import type { PlanEntry } from './plan';
import type { PortRange, WorkerCapacity, WorkerPorts } from './worker';

/** One thing that the ledger says and the allocations do not, or the other way round. */
export interface LedgerFinding {
  readonly code:
    | 'port_without_allocation'
    | 'allocation_without_port'
    | 'port_held_twice'
    | 'port_bitmap_damaged'
    | 'capacity_differs'
    | 'allocation_without_worker'
    | 'plan_without_allocation'
    | 'plan_before_start'
    | 'plan_differs'
    | 'allocation_without_plan'
    | 'phase_without_allocation'
    | 'allocation_in_wrong_phase'
    | 'quota_differs'
    | 'lifecycle_missing';
  readonly object: string;
  readonly message: string;
}

/** The whole ledger, as it was at one revision. */
export interface LedgerState {
  readonly instances: ReadonlyArray<{
    readonly id: string;
    /** A phase alone says nothing of what must be in the plan. */
    readonly status: Pick<InstanceStatus, 'phase'> | PlannedStatus;
    readonly allocation?: Allocation;
  }>;
  readonly workers: ReadonlyArray<{
    readonly id: string;
    /** What its spec promises, where it is open: from this a ledger that is gone can be made anew. */
    readonly opened?: { readonly capacity: Resources; readonly portRange: PortRange };
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
  const allocations = allocationsOn(worker.id, instances);
  return [...auditPorts(worker, allocations), ...auditCapacity(worker, allocations), ...auditPlan(worker, allocations)];
}

type Allocations = ReadonlyArray<{ readonly id: string; readonly status: LedgerState['instances'][number]['status']; readonly allocation: Allocation }>;

/** Who is allocated on a worker. */
export function allocationsOn(workerId: string, instances: LedgerState['instances']): Allocations {
  return instances.flatMap(({ id, status, allocation }) => (allocation?.workerId === workerId ? [{ id, status, allocation }] : []));
}

function auditPorts(worker: LedgerState['workers'][number], allocations: Allocations): LedgerFinding[] {
  try {
    return auditBitmap(worker, allocations);
  } catch (error) {
    if (!(error instanceof CorruptPortBitmapError)) throw error;
    return [{ code: 'port_bitmap_damaged', object: `workers/${worker.id}/ports`, message: error.message }];
  }
}

function auditBitmap(worker: LedgerState['workers'][number], allocations: Allocations): LedgerFinding[] {
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
  const { allocated: sum } = capacityFrom(
    declared,
    allocations.map(({ allocation }) => allocation),
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
  const orphaned = worker.plan.filter((entry) => !known.has(entry.allocationId));
  const entries = new Map(worker.plan.map((entry) => [entry.allocationId, entry]));
  return [
    ...orphaned.map((entry) => ({
      code: 'plan_without_allocation' as const,
      object: `workers/${worker.id}/plan/${entry.allocationId}`,
      message: `is in the plan for instance ${entry.instanceId}, but not allocated`,
    })),
    ...allocations.flatMap((one) => auditEntry(worker.id, one, entries.get(one.allocation.allocationId))),
  ];
}

function auditEntry(workerId: string, { id, status, allocation }: Allocations[number], found: PlanEntry | undefined): LedgerFinding[] {
  const expected = 'undo' in status ? planEntryOf(id, status, allocation) : undefined;
  if (expected === undefined) return [];
  const object = `workers/${workerId}/plan/${allocation.allocationId}`;
  if (expected === 'none') return found ? [{ code: 'plan_before_start', object, message: `is in the plan, though instance ${id} was never started there` }] : [];
  if (!found) return [{ code: 'allocation_without_plan', object, message: `is missing, though instance ${id} is to be ${expected.wanted} there` }];
  const differences = differencesOfEntry(found, expected);
  return differences === '' ? [] : [{ code: 'plan_differs', object, message: `says ${differences}` }];
}
