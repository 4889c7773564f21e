import { notEnoughCpu, notEnoughMemory, notEnoughStorage } from './capacity';
import { labelsDoNotMatch } from './labels';
import { notEnoughPorts, portHeld, portLedgerDamaged, portOutOfRange, portRequestedTwice } from './ports';
import type { PlacementRule } from './rule';
import { workerLeaving, workerNotRunning, workerOffline, workerPaused } from './state';

/**
 * All rules, in the order in which they are asked: a worker is refused by the first that objects.
 * What no waiting can mend comes first, so that nobody waits for a worker of the wrong kind.
 */
export const placementRules: readonly PlacementRule[] = [
  labelsDoNotMatch,
  workerNotRunning,
  workerLeaving,
  workerPaused,
  workerOffline,
  portLedgerDamaged,
  notEnoughMemory,
  notEnoughStorage,
  notEnoughCpu,
  portRequestedTwice,
  portOutOfRange,
  portHeld,
  notEnoughPorts,
];

export type { PlacementRule } from './rule';
