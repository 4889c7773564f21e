import type { Constraints, PortRequest, Resources, RestartPolicy, RetryPolicy } from './definition';
import type { Header } from './header';
import type { InstancePhase } from './phases';
import type { ComponentObservation, Observation } from './plan';
import type { Condition, Halted, LastFailure, Operation, ResourceReference, UndoEntry } from './status';

export type Intent = 'running' | 'stopped' | 'terminated';

/** A one-time order in the spec; acknowledged in the status commit that acts on it. */
export interface Command {
  /** Minted per order. */
  readonly id: string;
  readonly kind: 'retry';
  /** The spec generation that brought it. */
  readonly generation: number;
}

/** Key `instances/{id}/spec`: what is wanted. Written only by admission. */
export interface InstanceSpec extends Header {
  readonly kind: 'Instance';
  readonly definition: { readonly id: string; readonly name: string; readonly version: string; readonly contentHash: string };
  readonly intent: Intent;
  /** Generation at which start, stop, retry or terminate was last asked for; other changes leave it. */
  readonly intentGeneration: number;
  readonly command?: Command;
  /** Copied from the definition at admission, so that placing needs no document store. */
  readonly resources: Resources;
  readonly ports: readonly PortRequest[];
  readonly constraints: Constraints;
  readonly priority: number;
  readonly maxDurationMs?: number;
  readonly restart: RestartPolicy;
  readonly retry: RetryPolicy;
  /** Its owner's quota was charged for it, and is given back what `heldByInstance` says when it is asked to end. */
  readonly charged?: true;
}

/** Key `instances/{id}/worker`: where the instance is and what it holds there. */
export interface Allocation {
  readonly schemaVersion: number;
  readonly allocationId: string;
  readonly workerId: string;
  /** Port name → number. */
  readonly ports: Readonly<Record<string, number>>;
  readonly resources: Resources;
  readonly allocatedAt: string;
}

/** Key `instances/{id}/state`: what is. Written only by the instance's lifecycle (and PENDING by admission). */
export interface InstanceStatus {
  readonly schemaVersion: number;
  readonly sequence: number;
  readonly phase: InstancePhase;
  /** One sentence for people. */
  readonly message: string;
  /** The spec generation that this status has taken into account. */
  readonly observedGeneration: number;
  /** ISO 8601; moves only with something else. */
  readonly lastReconcileTime: string;
  readonly conditions: readonly Condition[];
  readonly componentStatus: Readonly<Record<string, ComponentObservation>>;
  readonly operation?: Operation;
  /** What must be undone, latest first; an entry leaves only by the commit that confirms it. */
  readonly undo: readonly UndoEntry[];
  readonly lastFailure?: LastFailure;
  readonly halted?: Halted;
  readonly acknowledgedCommand?: string;
  readonly resources: Readonly<Record<string, ResourceReference>>;
  /** Number of the last start asked of a host, so that numbers are never used twice. */
  readonly attempt: number;
  /** SHA-256 of the workload document that the host was last given. */
  readonly workloadHash?: string;
  /** Restarts since the instance last ran undisturbed, so that a crash loop is bounded; `lastAt`: when the last one was asked for, or came up. */
  readonly restarts: { readonly count: number; readonly lastAt?: string };
  /** Where it ran last; `retry` prefers this worker. */
  readonly formerWorkerId?: string;
  /** First RUNNING since it was created, retried or started after a halt, ISO 8601; maxDuration counts from it. */
  readonly startedAt?: string;
  /** When maxDuration ends the instance, ISO 8601. */
  readonly deadlineAt?: string;
}

/** All that a decision about an instance may look at, read at one revision. */
export interface InstanceView {
  readonly spec: InstanceSpec;
  readonly status: InstanceStatus;
  readonly allocation?: Allocation;
  readonly observed?: Observation;
}
