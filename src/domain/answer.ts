import type { InstanceStep } from './instance-steps';
import type { Next } from './next';
import type { WorkerStep } from './worker-steps';

/** The kinds of object that have a lifecycle. */
export type LifecycleKind = 'Instance' | 'Worker';

/** Which object a lifecycle or an activity is about. Inputs hold ids, never state. */
export interface ObjectReference {
  readonly kind: LifecycleKind;
  readonly id: string;
}

export type LifecycleStep = InstanceStep | WorkerStep;

/**
 * What an activity answers a lifecycle: what to do next, and what people see meanwhile. It is in the
 * workflow's history, so it reads as the audit trail: what was done, which phase, at which revision.
 */
export interface Answer {
  readonly next: Next<LifecycleStep>;
  /** The step is slow or waits for something: run it as a regular, heartbeating activity that operators see. */
  readonly visible: boolean;
  /** `PENDING → SCHEDULED`, when the activity changed the phase. */
  readonly transition?: string;
  /** Revision of the object that the answer was decided on. */
  readonly revision: number;
  readonly phase: string;
  readonly workerId?: string;
  readonly definition?: string;
  readonly org: string;
  readonly stuck: boolean;
  /** One sentence for the current details in the Temporal UI. */
  readonly sentence: string;
}
