export { fleetWorker, PlacementFaultError, placementRequest } from './fleet';
export type { FleetWorker, PlacementRequest } from './fleet';
export { couldEverHold, inQueueOrder, place, placeAll } from './place';
export type { Placement, PlacementRefusal, QueuePlacement, WorkerReason } from './place';
export { placementRules } from './rules';
export type { Objection, PlacementRule, ReasonCode } from './rules';
