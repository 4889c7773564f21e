import type { Epochs } from './epochs';
import { lastGoodRevisionOf } from './epochs';
import type { PlannedEntry } from './plan';
import { epochOf } from './plan-merge';
import { compareRevisions } from './revisions';

/** What a host did for an allocation before it hears a newer entry. */
export interface FloorBefore {
  /** The newest entry that it knew. */
  readonly entry: PlannedEntry;
  /** No attempt up to this one is started. */
  readonly floor: number;
  /** The attempt that runs. */
  readonly running?: number | undefined;
}

/**
 * The floor under which no attempt of an allocation is started, once a newer entry is heard.
 *
 * It never falls but in one case: what the host knew was put after the copy that the store was restored from. Then its
 * attempts are unknown to the control plane, which numbers others alike; under their floor those would never be started.
 * So the floor falls to just below what is wanted now, and that is started, once nothing of the lost history runs. An
 * attempt that the copy knows and that still runs goes on.
 */
export function floorAfter(before: FloorBefore, next: PlannedEntry, epochs: Epochs): number {
  const { entry, floor, running } = before;
  const lastGood = lastGoodRevisionOf(epochs, epochOf(entry));
  if (lastGood === undefined || compareRevisions(entry.revision, lastGood) <= 0) return floor;
  const goesOn = running === next.attempt && compareRevisions(next.revision, lastGood) <= 0;
  return Math.min(floor, next.wanted !== 'running' || goesOn ? next.attempt : next.attempt - 1);
}
