import type { CapacityRefusal } from '../../capacity';
import type { PortRefusal } from '../../port-choice';
import type { FleetWorker, PlacementRequest } from '../fleet';

/** Why a worker is not taken. Constant: programs, metrics and conditions refer to these. */
export type ReasonCode =
  | 'WorkerOfAnotherOrg'
  | 'LabelsDoNotMatch'
  | 'WorkerNotRunning'
  | 'WorkerLeaving'
  | 'WorkerPaused'
  | 'WorkerOffline'
  | 'PortLedgerDamaged'
  | CapacityRefusal['code']
  | PortRefusal['code'];

export interface Objection {
  readonly code: ReasonCode;
  /** A predicate of the worker (`is paused`, `needs …`), with the numbers that the decision was made on. */
  readonly message: string;
}

/** What one rule has against a worker; undefined when nothing. */
export type PlacementRule = (request: PlacementRequest, worker: FleetWorker) => Objection | undefined;
