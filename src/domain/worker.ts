import type { Resources } from './definition';
import type { Header } from './header';
import type { WorkerPhase } from './phases';
import type { WorkerObservation } from './plan';
import type { Condition, LastFailure, Operation, ResourceReference, UndoEntry } from './status';

export interface PortRange {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
}

/** The sized class that a worker is made from, key `templates/{id}/spec`. Names are unique. */
export interface WorkerTemplateSpec extends Header {
  readonly kind: 'WorkerTemplate';
  readonly name: string;
  readonly description: string;
  /** Which provider makes such workers; `local` starts an agent process on the control process's host. */
  readonly provider: string;
  readonly capacity: Resources;
  /** CPU may be promised this many times over; memory never. */
  readonly cpuRatio: number;
  readonly portRange: PortRange;
  /** Labels that its workers carry, for constraints. */
  readonly workerLabels: Readonly<Record<string, string>>;
  readonly provisionTimeoutMs: number;
}

/** Key `workers/{id}/spec`. Written only by admission. Placement compares it: from its change on nothing lands. */
export interface WorkerSpec extends Header {
  readonly kind: 'Worker';
  readonly name: string;
  readonly template: { readonly id: string; readonly name: string };
  readonly intent: 'running' | 'terminated';
  /** A one-time order, acknowledged in the status commit that acts on it. */
  readonly command?: { readonly id: string; readonly kind: 'retry'; readonly generation: number };
  readonly provider: string;
  readonly capacity: Resources;
  readonly cpuRatio: number;
  readonly portRange: PortRange;
  readonly provisionTimeoutMs: number;
}

/** Key `workers/{id}/state`. Written only by the worker's lifecycle (and PENDING by admission). */
export interface WorkerStatus {
  readonly schemaVersion: number;
  readonly sequence: number;
  readonly phase: WorkerPhase;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastReconcileTime: string;
  readonly conditions: readonly Condition[];
  readonly operation?: Operation;
  readonly undo: readonly UndoEntry[];
  readonly lastFailure?: LastFailure;
  readonly acknowledgedCommand?: string;
  readonly resources: Readonly<Record<string, ResourceReference>>;
  readonly attempt: number;
  /** Minted before the provider is asked, so that a repeated ask finds what the first one made. */
  readonly externalId?: string;
  /** SHA-256 of the token that the agent shows; the token itself is stored nowhere but at the agent. */
  readonly agentTokenHash?: string;
}

/** Key `workers/{id}/capacity`, part of the ledger. */
export interface WorkerCapacity {
  readonly schemaVersion: number;
  readonly declared: Resources;
  readonly allocated: Resources;
  readonly instances: number;
}

/** Key `workers/{id}/ports`, part of the ledger: bit i stands for port `from + i`. */
export interface WorkerPorts {
  readonly schemaVersion: number;
  readonly from: number;
  readonly to: number;
  /** Base64, little-endian bit order within a byte. */
  readonly bitmap: string;
}

/** Key `workers/{id}/lease`: there while the worker's agent is alive. */
export interface WorkerLease {
  readonly schemaVersion: number;
  readonly registeredAt: string;
}

/** All that a decision about a worker may look at, read at one revision. */
export interface WorkerView {
  readonly spec: WorkerSpec;
  readonly status: WorkerStatus;
  readonly capacity?: WorkerCapacity;
  readonly ports?: WorkerPorts;
  readonly observed?: WorkerObservation;
  /** Whether the agent's lease is there. */
  readonly online: boolean;
}

/** Hashes of credentials have no business in the permanent record. */
export function withoutSecret<T extends { agentTokenHash?: string }>(status: T): Omit<T, 'agentTokenHash'> {
  const { agentTokenHash: _hash, ...rest } = status;
  return rest;
}
