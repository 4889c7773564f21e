import { cpuSuffices, memorySuffices, storageSuffices } from './capacity';
import { labelsMatch } from './labels';
import { isOpenToOrg } from './org';
import { portLedgerIsSound, portsAreFree } from './ports';
import type { PlacementRule } from './rule';
import { workerIsNotPaused, workerIsOnline, workerRuns, workerStays } from './state';

/**
 * All rules, in the order in which they are asked: a worker is refused by the first that objects.
 * Whose it is comes first, and then labels, so that nobody is told to wait for a worker of the wrong kind.
 */
export const placementRules: readonly PlacementRule[] = [
  isOpenToOrg,
  labelsMatch,
  workerRuns,
  workerStays,
  workerIsNotPaused,
  workerIsOnline,
  portLedgerIsSound,
  memorySuffices,
  storageSuffices,
  cpuSuffices,
  portsAreFree,
];

export type { Objection, PlacementRule, ReasonCode } from './rule';
