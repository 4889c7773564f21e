import type { Epochs } from './epochs';

/**
 * The plan is the only voice to a host. These are the shapes that the control plane and an agent exchange,
 * and the rule by which an agent merges what it hears.
 */

/** What an allocation should be on its host. `absent`: stopped, its directory removed, then forgotten. */
export type Wanted = 'running' | 'stopped' | 'absent';

/** One allocation's entry in a worker's plan, key `workers/{id}/plan/{allocation}`. */
export interface PlanEntry {
  readonly schemaVersion: number;
  readonly allocationId: string;
  readonly instanceId: string;
  /** Rises with each start; an agent never starts an attempt twice, nor one below a stop it obeyed. */
  readonly attempt: number;
  readonly wanted: Wanted;
  /** SHA-256 of the workload document. */
  readonly workloadHash: string;
  /** The request that it follows from, for the agent's log; entries of older versions say none. */
  readonly requestId?: string;
  readonly traceparent?: string;
}

/**
 * Where something that is told of a plan stands: revisions are comparable within an epoch of the store only, and a later
 * epoch outranks all revisions of an earlier one. A control plane of before there were epochs says none, and is in the first.
 */
export interface PlanPosition {
  /** The epoch in which it is told, also of an entry that was put in an earlier one. */
  readonly epoch?: number;
  /** Of etcd, a decimal string. */
  readonly revision: string;
}

/** A plan entry with the etcd revision at which it was put. */
export interface PlannedEntry extends PlanEntry, PlanPosition {}

/** The whole plan of a worker at one revision. */
export interface PlanSnapshot extends PlanPosition {
  /** Of the store: what an agent did beyond their last good revisions is unknown to the control plane. */
  readonly epochs?: Epochs;
  readonly entries: readonly PlannedEntry[];
}

export type ComponentState = 'starting' | 'ready' | 'running' | 'exited' | 'failed' | 'stopped';

export interface ComponentObservation {
  readonly state: ComponentState;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly message?: string;
}

/** Why an attempt did not succeed, by what would mend it. */
export type FailureClass = 'transient' | 'configuration' | 'resource' | 'host';

export interface ObservedFailure {
  readonly class: FailureClass;
  /** UpperCamelCase, for programs: `ReadinessTimeout`, `CommandNotFound`, `PortTaken`, `ExitedEarly` … */
  readonly reason: string;
  readonly message: string;
}

/**
 * What the host saw of one allocation, key `instances/{id}/observed`.
 * - `starting`: being started, not all components ready yet
 * - `running`: all components ready
 * - `failed`: the attempt did not come up, or a component ended while running; nothing of it runs any more
 * - `exited`: every component ended by itself with code 0; nothing of it runs any more
 * - `stopped`: stopped as the plan wanted; the directory is kept
 * - `absent`: stopped and removed
 */
export interface Observation {
  readonly schemaVersion: number;
  readonly allocationId: string;
  readonly workerId: string;
  readonly attempt: number;
  /** Revision of the plan entry that the host had last merged for this allocation. */
  readonly planRevision: string;
  readonly state: 'starting' | 'running' | 'failed' | 'exited' | 'stopped' | 'absent';
  readonly components: Readonly<Record<string, ComponentObservation>>;
  readonly failure?: ObservedFailure;
  /** ISO 8601, by the host's clock. */
  readonly observedAt: string;
}

/** Key `workers/{id}/observed`: what an agent saw of its host. */
export interface WorkerObservation {
  readonly schemaVersion: number;
  readonly hostname: string;
  readonly agentVersion: string;
  /** Address at which the ports of this worker's instances are reached. */
  readonly address: string;
  /** Ports of the worker's range on which others listen on the host, ascending. */
  readonly hostPorts: readonly number[];
  readonly observedAt: string;
}

/** `POST /api/internal/v1/workers/{id}/register`, body and answer. */
export interface RegisterRequest {
  readonly hostname: string;
  readonly agentVersion: string;
  readonly address: string;
  readonly hostPorts: readonly number[];
}
export interface RegisterResponse {
  readonly leaseId: string;
  readonly leaseTtlMs: number;
  readonly heartbeatIntervalMs: number;
  readonly portRange: { readonly from: number; readonly to: number };
}

/** `POST /api/internal/v1/workers/{id}/heartbeat`; 404 `lease_lost` asks the agent to register again. */
export interface HeartbeatRequest {
  readonly leaseId: string;
}

/** `POST /api/internal/v1/workers/{id}/observations`. */
export interface ObservationsRequest {
  readonly observations: ReadonlyArray<Omit<Observation, 'schemaVersion' | 'workerId'> & { readonly instanceId: string }>;
  /** Present when the set of ports that others hold has changed. */
  readonly hostPorts?: readonly number[];
}
/**
 * One verdict per observation, in order. `superseded`: the allocation is no longer this worker's,
 * and the agent removes what it still runs of it.
 */
export interface ObservationsResponse {
  readonly results: ReadonlyArray<{ readonly allocationId: string; readonly result: 'recorded' | 'superseded' }>;
}

/** Frames of `GET /api/internal/v1/workers/{id}/plan` (Server-Sent Events): event name and JSON data. */
export type PlanFrame =
  | { readonly event: 'snapshot'; readonly data: PlanSnapshot }
  | { readonly event: 'entry'; readonly data: PlannedEntry }
  | { readonly event: 'removed'; readonly data: { readonly allocationId: string } & PlanPosition };
