import type { PlanFrame, PlannedEntry } from './plan';

/**
 * What an agent knows of its plan. Frames may come twice, late and out of order: after a reconnect to a
 * replica that lags, or from a stream that was cut. Whatever the order, the same frames give the same plan.
 */
export interface PlanView {
  /** The highest revision of a snapshot that was merged. */
  readonly snapshotRevision: string;
  readonly known: ReadonlyMap<string, Known>;
}

/** Per allocation its newest entry, or the revision at which it was removed. */
export type Known =
  | { readonly kind: 'entry'; readonly revision: string; readonly entry: PlannedEntry }
  | { readonly kind: 'removed'; readonly revision: string };

/** A view and the ids of the allocations that a frame changed. */
export interface Merged {
  readonly view: PlanView;
  readonly changed: readonly string[];
}

/** The view of an agent that remembers these entries. */
export function planViewOf(entries: readonly PlannedEntry[]): PlanView {
  return { snapshotRevision: '0', known: new Map(entries.map((entry) => [entry.allocationId, knownEntry(entry)])) };
}

/** Merges one frame: the highest revision per allocation wins. */
export function mergePlan(view: PlanView, frame: PlanFrame): Merged {
  switch (frame.event) {
    case 'entry':
      return mergeOne(view, frame.data.allocationId, knownEntry(frame.data));
    case 'removed':
      return mergeOne(view, frame.data.allocationId, { kind: 'removed', revision: frame.data.revision });
    case 'snapshot':
      return mergeSnapshot(view, frame.data.revision, frame.data.entries);
  }
}

/** Compares two revisions, which are decimal strings of up to 64 bits. */
export function compareRevisions(a: string, b: string): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function mergeOne(view: PlanView, allocationId: string, next: Known): Merged {
  const former = view.known.get(allocationId);
  // Unknown and older than the snapshot: the snapshot would have shown it, so it was removed before.
  const floor = former?.revision ?? view.snapshotRevision;
  const late = compareRevisions(next.revision, floor);
  if (late < 0 || (late === 0 && former && !removesIts(next, former))) return { view, changed: [] };

  const known = new Map(view.known).set(allocationId, next);
  const changed = former?.kind === 'entry' || next.kind === 'entry' ? [allocationId] : [];
  return { view: { ...view, known }, changed };
}

/** A removal outranks the entry of its own revision: so an agent gives up an entry that it was told is not its own. */
function removesIts(next: Known, former: Known): boolean {
  return next.kind === 'removed' && former.kind === 'entry';
}

function mergeSnapshot(view: PlanView, revision: string, entries: readonly PlannedEntry[]): Merged {
  // A replica that lags says nothing new, and its silence about an entry means nothing.
  if (compareRevisions(revision, view.snapshotRevision) < 0) return { view, changed: [] };

  const known = new Map<string, Known>();
  const changed: string[] = [];
  for (const entry of entries) {
    const former = view.known.get(entry.allocationId);
    const isNewer = !former || compareRevisions(entry.revision, former.revision) > 0;
    known.set(entry.allocationId, isNewer ? knownEntry(entry) : former);
    if (isNewer) changed.push(entry.allocationId);
  }
  for (const [allocationId, former] of view.known) {
    if (known.has(allocationId)) continue;
    const isOlder = compareRevisions(former.revision, revision) < 0;
    if (!isOlder) known.set(allocationId, former);
    else if (former.kind === 'entry') changed.push(allocationId);
  }
  return { view: { snapshotRevision: revision, known }, changed };
}

function knownEntry(entry: PlannedEntry): Known {
  return { kind: 'entry', revision: entry.revision, entry };
}
