import type { LedgerFinding, LedgerState } from './ledger';
import { allocationsOn, auditLedger } from './ledger';
import { planEntryOf } from './ledger-plan';
import { capacityFrom, portsFrom } from './ledger-sums';
import { repairPlanEntriesMax } from './limits';
import type { PlanEntry } from './plan';
import type { WorkerCapacity, WorkerPorts } from './worker';

type Worker = LedgerState['workers'][number];

/** What one commit writes to make a worker's ledger agree with who is allocated on it. Allocations themselves are never touched. */
export interface WorkerRepair {
  readonly workerId: string;
  readonly capacity?: WorkerCapacity;
  readonly ports?: WorkerPorts;
  readonly putPlan: readonly PlanEntry[];
  /** Ids of allocations. */
  readonly removePlan: readonly string[];
}

/** A finding, and what becomes of it. */
export interface JudgedFinding extends LedgerFinding {
  /** Whether a repair mends it; else a person has to decide. */
  readonly repairable: boolean;
  readonly remedy: string;
}

/** What is wrong, and what would be written to mend it. */
export interface RepairPlan {
  readonly findings: readonly JudgedFinding[];
  readonly repairs: readonly WorkerRepair[];
}

/**
 * Audits the ledger and plans its repair. A finding is called repairable only if it is gone from an audit of the
 * repaired ledger, so that nothing is promised which the repair would not keep.
 */
export function planRepair(state: LedgerState): RepairPlan {
  const found = auditLedger(state);
  const broken = new Set(found.flatMap(({ object }) => (object.startsWith('workers/') ? [object.split('/')[1]!] : [])));
  const repairs = state.workers.filter(({ id }) => broken.has(id)).flatMap((worker) => repairOf(worker, state) ?? []);
  const left = new Set(auditLedger(repaired(state, repairs)).map(identityOf));
  const findings = found.map((finding) => {
    const repairable = !left.has(identityOf(finding));
    return { ...finding, repairable, remedy: repairable ? mends[finding.code] : askFor[finding.code] };
  });
  return { findings, repairs };
}

function repairOf(worker: Worker, state: LedgerState): WorkerRepair | undefined {
  const codes = new Set(auditLedger({ instances: state.instances, workers: [worker] }).filter(({ object }) => object.startsWith(`workers/${worker.id}/`)).map(({ code }) => code));
  const held = allocationsOn(worker.id, state.instances);
  const allocations = held.map(({ allocation }) => allocation);
  const declared = worker.capacity?.declared ?? worker.opened?.capacity;
  const range = worker.ports ?? worker.opened?.portRange;
  const bitmapDiffers = codes.has('port_bitmap_damaged') || codes.has('port_without_allocation') || codes.has('allocation_without_port');
  const capacity = codes.has('capacity_differs') && declared ? capacityFrom(declared, allocations) : undefined;
  const ports = bitmapDiffers && range ? portsFrom(range, allocations) : undefined;
  const plan = planChanges(worker, held);
  if (!capacity && !ports && plan.putPlan.length + plan.removePlan.length === 0) return undefined;
  return { workerId: worker.id, ...(capacity && { capacity }), ...(ports && { ports }), ...plan };
}

function planChanges(worker: Worker, held: ReturnType<typeof allocationsOn>): Pick<WorkerRepair, 'putPlan' | 'removePlan'> {
  const expected = new Map(
    held.map(({ id, status, allocation }) => [allocation.allocationId, 'undo' in status ? planEntryOf(id, status, allocation) : undefined] as const),
  );
  const faults = auditLedger({ workers: [worker], instances: held });
  const named = (...codes: ReadonlyArray<LedgerFinding['code']>) =>
    faults.filter(({ code }) => codes.includes(code)).map(({ object }) => object.split('/')[3]!);
  const removePlan = named('plan_without_allocation', 'plan_before_start').slice(0, repairPlanEntriesMax);
  const putPlan = named('plan_differs', 'allocation_without_plan')
    .map((allocationId) => expected.get(allocationId))
    .filter((entry): entry is PlanEntry => typeof entry === 'object' && entry.workloadHash !== '')
    .slice(0, repairPlanEntriesMax - removePlan.length);
  return { putPlan, removePlan };
}

/** The ledger as the repairs leave it. */
function repaired(state: LedgerState, repairs: readonly WorkerRepair[]): LedgerState {
  const byWorker = new Map(repairs.map((repair) => [repair.workerId, repair]));
  const workers = state.workers.map((worker) => {
    const repair = byWorker.get(worker.id);
    if (!repair) return worker;
    const replaced = new Set([...repair.removePlan, ...repair.putPlan.map(({ allocationId }) => allocationId)]);
    const plan = [...worker.plan.filter(({ allocationId }) => !replaced.has(allocationId)), ...repair.putPlan];
    return { ...worker, ...(repair.capacity && { capacity: repair.capacity }), ...(repair.ports && { ports: repair.ports }), plan };
  });
  return { ...state, workers };
}

function identityOf({ code, object, message }: LedgerFinding): string {
  return `${code} ${object} ${message}`;
}

/** What a repair does about a finding that it mends. */
export const mends: Readonly<Record<LedgerFinding['code'], string>> = {
  port_without_allocation: 'the port is marked as free',
  allocation_without_port: 'the port is marked as held',
  port_held_twice: 'the port is marked as held',
  port_bitmap_damaged: 'the bitmap is written anew from the allocations',
  capacity_differs: 'the sums are written anew from the allocations',
  plan_without_allocation: 'the entry is taken out of the plan, and the agent removes what it still runs of it',
  plan_before_start: 'the entry is taken out of the plan',
  plan_differs: 'the entry is written anew from the status',
  allocation_without_plan: 'the entry is put into the plan',
  allocation_without_worker: 'nothing',
  phase_without_allocation: 'nothing',
  allocation_in_wrong_phase: 'nothing',
  quota_differs: 'the sums are written anew from what is held',
  lifecycle_missing: 'the lifecycle is nudged',
};

const askAgain = 'this repair does not reach it; repair once more, or read the object with its events';
const askFor: Readonly<Record<LedgerFinding['code'], string>> = {
  port_without_allocation: askAgain,
  allocation_without_port: 'the port is outside of the range, or the worker has no ledger: terminate the instance and create it anew',
  port_held_twice: 'terminate one of the two instances and create it anew; then repair',
  port_bitmap_damaged: askAgain,
  capacity_differs: 'the worker is not open: terminate its instances, or look at why it ended before them',
  plan_without_allocation: askAgain,
  plan_before_start: askAgain,
  plan_differs: 'repair once more; if it stays, its workload is not known: terminate the instance and create it anew',
  allocation_without_plan: 'repair once more; if it stays, its workload is not known: terminate the instance and create it anew',
  allocation_without_worker: 'its host is gone with its worker: compare it with its events; nothing is released without a host’s word',
  phase_without_allocation: 'nudge it; if it stays, terminate it',
  allocation_in_wrong_phase: 'compare it with its events; what it holds may still run on the worker',
  quota_differs: askAgain,
  lifecycle_missing: 'nudge it',
};
