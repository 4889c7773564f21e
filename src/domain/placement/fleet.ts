import { claimCapacity, emptyCapacity } from '../capacity';
import type { Constraints, PortRequest, Resources } from '../definition';
import type { InstanceSpec } from '../instance';
import type { WorkerPhase } from '../phases';
import type { PortView } from '../ports';
import { claimPorts, emptyPorts, portView } from '../ports';
import type { WorkerCapacity, WorkerPorts, WorkerSpec, WorkerView } from '../worker';

/** What an instance needs, with its place in the queue. */
export interface PlacementRequest {
  readonly instanceId: string;
  /** Whose it is. */
  readonly org: string;
  readonly resources: Resources;
  readonly ports: readonly PortRequest[];
  readonly constraints: Constraints;
  /** Higher goes first. */
  readonly priority: number;
  /** ISO 8601 in UTC; older goes first. */
  readonly createdAt: string;
  /** Chosen before all others when it fits: where the instance ran last. */
  readonly preferredWorkerId?: string;
}

/**
 * A worker as placement sees it. Immutable: what is derived from one is kept for as long as it lives,
 * so keep the same object while the worker's heads are unchanged.
 */
export interface FleetWorker {
  readonly id: string;
  /** Whose instances it takes: those of one org, or, of the platform, everybody's. */
  readonly org: string;
  readonly phase: WorkerPhase;
  readonly intent: WorkerSpec['intent'];
  readonly paused: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether the agent's lease is there. */
  readonly online: boolean;
  readonly capacity: WorkerCapacity;
  readonly cpuRatio: number;
  readonly ports: WorkerPorts;
  /** What the host itself listens on. */
  readonly hostPorts: readonly number[];
}

/** Placement's view of a worker's heads. A worker that has no ledger yet counts as empty; it is not RUNNING yet either. */
export function fleetWorker(view: WorkerView): FleetWorker {
  const { spec, status, online } = view;
  return {
    id: spec.id,
    org: spec.org,
    phase: status.phase,
    intent: spec.intent,
    paused: spec.paused,
    labels: spec.labels,
    online,
    capacity: view.capacity ?? emptyCapacity(spec.capacity),
    cpuRatio: spec.cpuRatio,
    ports: view.ports ?? emptyPorts(spec.portRange),
    hostPorts: view.observed?.hostPorts ?? [],
  };
}

/** The request of an instance that waits for a place. */
export function placementRequest(spec: InstanceSpec, preferredWorkerId?: string): PlacementRequest {
  return {
    instanceId: spec.id,
    org: spec.org,
    resources: spec.resources,
    ports: spec.ports,
    constraints: spec.constraints,
    priority: spec.priority,
    createdAt: spec.createdAt,
    ...(preferredWorkerId !== undefined && { preferredWorkerId }),
  };
}

/** The same worker after an assignment, for those that come later in the queue. */
export function afterPlacing(
  worker: FleetWorker,
  request: PlacementRequest,
  ports: Readonly<Record<string, number>>,
): FleetWorker {
  const capacity = claimCapacity(worker.capacity, request.resources, worker.cpuRatio);
  const claimed = claimPorts(worker.ports, Object.values(ports));
  if ('refused' in capacity) throw new PlacementFaultError(worker, request, capacity.refused.message);
  if ('refused' in claimed) throw new PlacementFaultError(worker, request, claimed.refused.message);
  return { ...worker, capacity: capacity.value, ports: claimed.value };
}

/** The rules allowed what the ledger refuses: a fault of the rules. */
export class PlacementFaultError extends Error {
  constructor(worker: FleetWorker, request: PlacementRequest, detail: string) {
    super(`instance ${request.instanceId} was placed on worker ${worker.id}, whose ledger refuses it: ${detail}`);
    this.name = 'PlacementFaultError';
  }
}

const views = new WeakMap<FleetWorker, PortView>();

/** The worker's ports, decoded once for all requests. */
export function portViewOf(worker: FleetWorker): PortView {
  return remembered(views, worker, () => portView(worker.ports, worker.hostPorts));
}

const emptied = new WeakMap<FleetWorker, FleetWorker>();

/** The same kind of worker at its best: up, and holding nothing. */
export function emptiedWorker(worker: FleetWorker): FleetWorker {
  return remembered(emptied, worker, () => ({
    ...worker,
    phase: 'RUNNING',
    intent: 'running',
    paused: false,
    online: true,
    capacity: emptyCapacity(worker.capacity.declared),
    ports: emptyPorts(worker.ports),
    hostPorts: [],
  }));
}

function remembered<V>(memory: WeakMap<FleetWorker, V>, worker: FleetWorker, make: () => V): V {
  const known = memory.get(worker);
  if (known !== undefined) return known;
  const made = make();
  memory.set(worker, made);
  return made;
}
