import type { Cause } from '../../domain/events';
import type { WorkerRepair } from '../../domain/ledger-repair';
import type { QuotaRepair } from '../../domain/quota-audit';
import type { QuotaUsage } from '../../domain/quota';
import { withoutSecret } from '../../domain/worker';
import type { Entry } from './client';
import type { Compare, Decision } from './commit';
import { eventOf, sequenceAfter, unchanged } from './decisions';
import { keys } from './keys';
import type { InstanceEntries, WorkerEntries } from './objects';
import { resourceVersion } from './objects';

/**
 * Writes a worker's ledger anew. Whoever makes, changes or releases an allocation on it writes capacity and ports in
 * the same commit, so that these two unchanged say that nobody did; what entries of the plan say follows from the
 * statuses of their instances, so these are compared as well. The worker's status is put for the number of the event.
 */
export function ledgerRepairDecision(
  worker: WorkerEntries,
  instances: ReadonlyMap<string, InstanceEntries>,
  repair: WorkerRepair,
  made: { readonly cause: Cause; readonly time: string },
): Decision {
  const { id } = worker;
  const status = { ...worker.status.value, sequence: sequenceAfter(worker), lastReconcileTime: made.time };
  const planned = repair.putPlan.map((entry) => ({ key: keys.planEntry(id, entry.allocationId), value: entry }));
  const touched = [...repair.putPlan.map(({ allocationId }) => allocationId), ...repair.removePlan];
  return {
    id: `workers/${id}/${resourceVersion(worker.spec, worker.status)}/ledger-repair`,
    compares: [
      unchanged(keys.workerSpec(id), worker.spec),
      unchanged(keys.workerStatus(id), worker.status),
      unchanged(keys.workerCapacity(id), worker.capacity),
      unchanged(keys.workerPorts(id), worker.ports),
      ...touched.map((allocationId) => unchanged(keys.planEntry(id, allocationId), worker.plan.get(allocationId))),
      ...repair.putPlan.flatMap(({ instanceId }) => comparesOf(instances.get(instanceId)!)),
    ],
    puts: [
      { key: keys.workerStatus(id), value: status },
      ...(repair.capacity ? [{ key: keys.workerCapacity(id), value: repair.capacity }] : []),
      ...(repair.ports ? [{ key: keys.workerPorts(id), value: repair.ports }] : []),
      ...planned,
    ],
    deletes: repair.removePlan.map((allocationId) => keys.planEntry(id, allocationId)),
    events: [
      eventOf(worker.spec.value, {
        type: 'berth.worker.ledger-repaired',
        sequence: status.sequence,
        time: made.time,
        cause: made.cause,
        worker: id,
        data: { step: 'repair', outcome: 'done', status: withoutSecret(status), repaired: changesOf(worker, repair) },
      }),
    ],
  };
}

/**
 * Writes a quota key anew. Whoever is charged, or given something back, writes the key in the same commit, so that the
 * key unchanged says that the sum still is what is held. It is the key of no object, and its sum follows from objects
 * that are on record, so there is no event; the caller tells of it in the log.
 */
export function quotaRepairDecision({ key, used }: QuotaRepair, entry: Entry<QuotaUsage> | undefined): Decision {
  const value: QuotaUsage = { schemaVersion: 1, ...entry?.value, used: { ...entry?.value.used, ...used } };
  return { id: `${key}/${entry?.revision ?? 0}/quota-repair`, compares: [unchanged(key, entry)], puts: [{ key, value }], deletes: [], events: [] };
}

function comparesOf({ id, status, allocation }: InstanceEntries): Compare[] {
  return [unchanged(keys.instanceStatus(id), status), unchanged(keys.instanceAllocation(id), allocation)];
}

/** What was there and what is written instead, for the record. */
function changesOf(worker: WorkerEntries, { capacity, ports, putPlan, removePlan }: WorkerRepair) {
  return {
    ...(capacity && { capacity: { before: worker.capacity?.value, after: capacity } }),
    ...(ports && { ports: { before: worker.ports?.value, after: ports } }),
    ...(putPlan.length > 0 && { putPlan: putPlan.map((after) => ({ before: worker.plan.get(after.allocationId)?.value, after })) }),
    ...(removePlan.length > 0 && { removePlan: removePlan.map((allocationId) => worker.plan.get(allocationId)?.value) }),
  };
}
