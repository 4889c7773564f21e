import type { FleetWorker, PlacementRequest } from '../fleet';

/** One reason for which a worker is not taken. */
export interface PlacementRule {
  /** UpperCamelCase and constant: programs, metrics and conditions refer to it. */
  readonly code: string;
  /**
   * What stands in the way, as a predicate of the worker (`is paused`, `needs …`), with the numbers that
   * the decision was made on; undefined when nothing does.
   */
  objection(request: PlacementRequest, worker: FleetWorker): string | undefined;
}
