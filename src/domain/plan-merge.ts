import type { Epochs } from './epochs';
import { firstEpochs } from './epochs';
import type { PlanFrame, PlannedEntry, PlanPosition, PlanSnapshot } from './plan';
import { compareRevisions } from './revisions';

/**
 * What an agent knows of its plan. Frames may come twice, late and out of order: after a reconnect to a
 * replica that lags, or from a stream that was cut. Whatever the order, the same frames give the same plan.
 *
 * After a restore the store is in a later epoch, in which an older plan may hold: its frames outrank all of before.
 */
export interface PlanView {
  /** Of the store, as the newest snapshot told. */
  readonly epochs: Epochs;
  /** The highest position of a snapshot that was merged. */
  readonly snapshot: PlanPosition;
  readonly known: ReadonlyMap<string, Known>;
}

/** Per allocation its newest entry, or the position at which it was removed. */
export type Known =
  | { readonly kind: 'entry'; readonly at: PlanPosition; readonly entry: PlannedEntry }
  | { readonly kind: 'removed'; readonly at: PlanPosition };

/** A view and the ids of the allocations that a frame changed. */
export interface Merged {
  readonly view: PlanView;
  readonly changed: readonly string[];
}

/** The view of an agent that remembers these entries. */
export function planViewOf(entries: readonly PlannedEntry[]): PlanView {
  return { epochs: firstEpochs, snapshot: { revision: '0' }, known: new Map(entries.map((entry) => [entry.allocationId, knownEntry(entry)])) };
}

/** Merges one frame: the highest position per allocation wins. */
export function mergePlan(view: PlanView, frame: PlanFrame): Merged {
  switch (frame.event) {
    case 'entry':
      return mergeOne(view, frame.data.allocationId, knownEntry(frame.data));
    case 'removed':
      return mergeOne(view, frame.data.allocationId, { kind: 'removed', at: positionOf(frame.data) });
    case 'snapshot':
      return mergeSnapshot(view, frame.data);
  }
}

/** Compares by epoch first: within one, by revision. */
export function comparePositions(a: PlanPosition, b: PlanPosition): number {
  return Math.sign(epochOf(a) - epochOf(b)) || compareRevisions(a.revision, b.revision);
}

/** Whether something is told in a later epoch of the store than something else was. */
export function isNewEpoch(former: PlanPosition, next: PlanPosition): boolean {
  return epochOf(next) > epochOf(former);
}

function mergeOne(view: PlanView, allocationId: string, next: Known): Merged {
  const former = view.known.get(allocationId);
  // Unknown and older than the snapshot: the snapshot would have shown it, so it was removed before.
  const floor = former?.at ?? view.snapshot;
  const late = comparePositions(next.at, floor);
  if (late < 0 || (late === 0 && former && !removesIts(next, former))) return { view, changed: [] };

  const known = new Map(view.known).set(allocationId, next);
  const changed = former?.kind === 'entry' || next.kind === 'entry' ? [allocationId] : [];
  return { view: { ...view, known }, changed };
}

/** A removal outranks the entry of its own revision: so an agent gives up an entry that it was told is not its own. */
function removesIts(next: Known, former: Known): boolean {
  return next.kind === 'removed' && former.kind === 'entry';
}

function mergeSnapshot(view: PlanView, told: PlanSnapshot): Merged {
  const at = positionOf(told);
  // A replica that lags says nothing new, and its silence about an entry means nothing.
  if (comparePositions(at, view.snapshot) < 0) return { view, changed: [] };

  const known = new Map<string, Known>();
  const changed: string[] = [];
  for (const entry of told.entries) {
    const former = view.known.get(entry.allocationId);
    const isNewer = !former || comparePositions(entry, former.at) > 0;
    known.set(entry.allocationId, isNewer ? knownEntry(entry) : former);
    if (isNewer) changed.push(entry.allocationId);
  }
  for (const [allocationId, former] of view.known) {
    if (known.has(allocationId)) continue;
    const isOlder = comparePositions(former.at, at) < 0;
    if (!isOlder) known.set(allocationId, former);
    else if (former.kind === 'entry') changed.push(allocationId);
  }
  return { view: { epochs: told.epochs ?? firstEpochs, snapshot: at, known }, changed };
}

function knownEntry(entry: PlannedEntry): Known {
  return { kind: 'entry', at: positionOf(entry), entry };
}

function positionOf({ epoch, revision }: PlanPosition): PlanPosition {
  return { ...(epoch !== undefined && { epoch }), revision };
}

/** The epoch in which something is told. */
export function epochOf({ epoch = 1 }: PlanPosition): number {
  return epoch;
}
