import { claimCapacity, emptyCapacity, releaseCapacity } from '../../domain/capacity';
import type { Cause } from '../../domain/events';
import type { Allocation } from '../../domain/instance';
import type { InstanceChange } from '../../domain/instance-changes';
import { mayExistOnHost } from '../../domain/instance-steps';
import type { PlanEntry } from '../../domain/plan';
import { claimPorts, emptyPorts, releasePorts } from '../../domain/ports';
import { withoutSecret } from '../../domain/worker';
import type { WorkerCapacity, WorkerPorts } from '../../domain/worker';
import type { WorkerChange } from '../../domain/worker-changes';
import type { KeyedEntry } from './client';
import type { Compare, Decision, SharedChange } from './commit';
import { absent, eventOf, sequenceAfter, unchanged } from './decisions';
import { keys } from './keys';
import type { InstanceEntries, WorkerEntries } from './objects';
import { resourceVersion } from './objects';

/** What a lifecycle's commit says about itself. */
export interface LifecycleCommit {
  readonly step: string;
  /** `begin`, `complete`, `fail` … : tells two commits of one step at one revision apart. */
  readonly outcome: string;
  readonly actor: string;
  /** The engine's run that it is made in, if any. */
  readonly workflowRun?: string | undefined;
  /** Whether the decision was made on what the host observed. */
  readonly onObservation?: boolean;
  /** The workload of a start; later entries of the plan name the same one. */
  readonly workloadHash?: string;
  /** Says that nobody sweeps that workload; see `putGuarded`. */
  readonly workloadGuard?: Compare;
  /** The worker that an allocation is made on, as it was read. */
  readonly worker?: WorkerEntries;
  /** What the plan says of the allocation, as it was read; unknown, the commit reads it itself. */
  readonly planned?: KeyedEntry | undefined;
  /** The leader key, when a leader decides on the lifecycle's behalf. */
  readonly fence?: Compare;
}

/** A status change of an instance, together with what it changes in the plan and the ledger. */
export function instanceDecision(entries: InstanceEntries, change: InstanceChange, commit: LifecycleCommit): Decision {
  const { id } = entries;
  const workloadHash = commit.workloadHash ?? change.status.workloadHash;
  const status = { ...change.status, sequence: sequenceAfter(entries), ...(workloadHash !== undefined && { workloadHash }) };
  const from = entries.status.value.phase;
  const ledger = ledgerOf(entries, { ...change, status }, commit);
  return {
    id: `instances/${id}/${resourceVersion(entries.spec, entries.status)}/${commit.step}.${commit.outcome}`,
    compares: [
      unchanged(keys.instanceSpec(id), entries.spec),
      unchanged(keys.instanceStatus(id), entries.status),
      unchanged(keys.instanceAllocation(id), entries.allocation),
      ...(commit.onObservation ? [unchanged(keys.instanceObserved(id), entries.observed)] : []),
      ...(commit.fence ? [commit.fence] : []),
      ...(commit.workloadGuard ? [commit.workloadGuard] : []),
      ...ledger.compares,
    ],
    puts: [{ key: keys.instanceStatus(id), value: status }, ...ledger.puts],
    deletes: ledger.deletes,
    ...(ledger.shared && { shared: ledger.shared }),
    events: [
      eventOf(entries.spec.value, {
        type: from === status.phase ? 'berth.instance.updated' : `berth.instance.${status.phase.toLowerCase()}`,
        sequence: status.sequence,
        time: status.lastReconcileTime,
        cause: causeOf(entries.spec.value.cause, commit),
        worker: change.allocate?.workerId ?? entries.allocation?.value.workerId,
        data: {
          from,
          to: status.phase,
          step: commit.step,
          outcome: commit.outcome,
          message: status.message,
          status,
          ...(change.allocate && { allocation: change.allocate }),
          ...(change.release && { released: entries.allocation?.value }),
        },
      }),
    ],
  };
}

interface LedgerPart {
  readonly compares: readonly Compare[];
  readonly puts: Decision['puts'];
  readonly deletes: readonly string[];
  readonly shared?: Decision['shared'];
}

function ledgerOf(entries: InstanceEntries, change: InstanceChange, commit: LifecycleCommit): LedgerPart {
  const { id } = entries;
  const allocation = entries.allocation?.value;
  if (change.allocate) {
    const worker = commit.worker!;
    return {
      // Placement compares the worker's heads: from its cordon, drain or end on, nothing lands there.
      compares: [unchanged(keys.workerSpec(worker.id), worker.spec), unchanged(keys.workerStatus(worker.id), worker.status)],
      puts: [{ key: keys.instanceAllocation(id), value: change.allocate }],
      deletes: [],
      shared: { group: worker.id, changes: claims(worker, change.allocate) },
    };
  }
  if (change.release && allocation) {
    return {
      compares: [],
      puts: [],
      deletes: [keys.instanceAllocation(id), keys.instanceObserved(id), keys.planEntry(allocation.workerId, allocation.allocationId)],
      shared: { group: allocation.workerId, changes: releases(allocation) },
    };
  }
  if (change.plan && allocation) {
    const { requestId, traceparent } = entries.spec.value.cause;
    const entry: PlanEntry = {
      schemaVersion: 1,
      allocationId: allocation.allocationId,
      instanceId: id,
      attempt: change.plan.attempt,
      wanted: change.plan.wanted,
      workloadHash: change.status.workloadHash ?? '',
      ...(requestId !== undefined && { requestId }),
      ...(traceparent !== undefined && { traceparent }),
    };
    const key = keys.planEntry(allocation.workerId, allocation.allocationId);
    // Before its first start an allocation is in no plan, and the commit need not look whether something newer is there.
    const isFirst = !mayExistOnHost({ status: entries.status.value });
    const asPlanned = commit.planned ? [unchanged(key, commit.planned)] : [];
    return { compares: isFirst ? [absent(key)] : asPlanned, puts: [{ key, value: entry }], deletes: [] };
  }
  return { compares: [], puts: [], deletes: [] };
}

function claims(worker: WorkerEntries, allocation: Allocation): SharedChange[] {
  const { spec } = worker;
  return [
    {
      key: keys.workerCapacity(worker.id),
      apply: (current) => claimCapacity((current as WorkerCapacity | undefined) ?? emptyCapacity(spec.value.capacity), allocation.resources, spec.value.cpuRatio),
    },
    {
      key: keys.workerPorts(worker.id),
      apply: (current) => claimPorts((current as WorkerPorts | undefined) ?? emptyPorts(spec.value.portRange), Object.values(allocation.ports)),
    },
  ];
}

function releases({ workerId, resources, ports }: Allocation): SharedChange[] {
  return [
    onLedger(keys.workerCapacity(workerId), (current: WorkerCapacity) => releaseCapacity(current, resources)),
    onLedger(keys.workerPorts(workerId), (current: WorkerPorts) => releasePorts(current, Object.values(ports))),
  ];
}

/** A change of a ledger key that must be there; one that is gone is a fault of the ledger, and is named as such. */
function onLedger<T>(key: string, apply: (current: T) => ReturnType<SharedChange['apply']>): SharedChange {
  const missing = { refused: { code: 'LedgerMissing', message: `${key} does not exist` } };
  return { key, apply: (current) => (current === undefined ? missing : apply(current as T)) };
}

/** A status change of a worker, with the ledger that it opens or closes. */
export function workerDecision(entries: WorkerEntries, change: WorkerChange, commit: LifecycleCommit): Decision {
  const { id, spec } = entries;
  const status = { ...change.status, sequence: sequenceAfter(entries) };
  const from = entries.status.value.phase;
  const opens = change.openLedger === true && !entries.capacity;
  return {
    id: `workers/${id}/${resourceVersion(entries.spec, entries.status)}/${commit.step}.${commit.outcome}`,
    compares: [
      unchanged(keys.workerSpec(id), entries.spec),
      unchanged(keys.workerStatus(id), entries.status),
      ...(opens || change.closeLedger
        ? [unchanged(keys.workerCapacity(id), entries.capacity), unchanged(keys.workerPorts(id), entries.ports)]
        : []),
    ],
    puts: [
      { key: keys.workerStatus(id), value: status },
      ...(opens
        ? [
            { key: keys.workerCapacity(id), value: emptyCapacity(spec.value.capacity) },
            { key: keys.workerPorts(id), value: emptyPorts(spec.value.portRange) },
          ]
        : []),
    ],
    deletes: change.closeLedger ? [keys.workerCapacity(id), keys.workerPorts(id), keys.workerObserved(id)] : [],
    events: [
      eventOf(spec.value, {
        type: from === status.phase ? 'berth.worker.updated' : `berth.worker.${status.phase.toLowerCase()}`,
        sequence: status.sequence,
        time: status.lastReconcileTime,
        cause: causeOf(spec.value.cause, commit),
        worker: id,
        data: { from, to: status.phase, step: commit.step, outcome: commit.outcome, message: status.message, status: withoutSecret(status) },
      }),
    ],
  };
}

/** What follows from a request keeps its correlation, and names the actor that did it. */
function causeOf(requested: Cause, { actor, workflowRun }: LifecycleCommit): Cause {
  const { idempotencyKey: _key, ...rest } = requested;
  return { ...rest, actor, ...(workflowRun !== undefined && { workflowRun }) };
}
