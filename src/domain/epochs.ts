import { compareRevisions } from './revisions';

/** An epoch that is over: what came after its last good revision was lost when an older copy was restored. */
export interface PastEpoch {
  readonly epoch: number;
  /** The first revision that belongs to it; absent where it began with an empty store. */
  readonly firstRevision?: string;
  readonly lastGoodRevision: string;
}

/** The epochs of a store: the one that it is in, and those before it that lead to it. Ascending. */
export interface Epochs {
  readonly epoch: number;
  /** Revisions below are of former epochs; absent where the store began empty. */
  readonly firstRevision?: string;
  readonly history: readonly PastEpoch[];
}

/** Of a store that was never restored. */
export const firstEpochs: Epochs = { epoch: 1, history: [] };

/**
 * - `current`: of the epoch that the store is in.
 * - `past`: of a former epoch, and kept.
 * - `lost`: of history that a restore left behind, whether it was seen in this store or in a branch that is gone.
 * - `unknown`: of an epoch that has not begun, or no id of an event at all.
 */
export type Position = 'current' | 'past' | 'lost' | 'unknown';

/** Where an event of this id stands in the history of a store. */
export function positionIn(epochs: Epochs, id: string): Position {
  const place = placeOf(id);
  return place === undefined ? 'unknown' : positionOf(epochs, place.epoch, place.revision);
}

/** Where something that was written at a revision of an epoch stands in the history of a store. */
export function positionOf(epochs: Epochs, epoch: number, revision: string): Position {
  if (epoch > epochs.epoch) return 'unknown';
  if (epoch === epochs.epoch) return isBefore(revision, epochs.firstRevision) ? 'lost' : 'current';
  const past = epochs.history.find((each) => each.epoch === epoch);
  // An epoch that is passed over was opened by a restore from the same or an older copy, and left by the next one.
  if (past === undefined || isBefore(revision, past.firstRevision)) return 'lost';
  return compareRevisions(revision, past.lastGoodRevision) > 0 ? 'lost' : 'past';
}

/**
 * Up to which revision the history counts that was told of in an epoch; undefined in the one that the store is in. What an
 * epoch tells of may be older than it. Of one that was passed over nothing but what it began with counts.
 */
export function lastGoodRevisionOf(epochs: Epochs, epoch: number): string | undefined {
  if (epoch >= epochs.epoch) return undefined;
  return epochs.history.filter((past) => past.epoch <= epoch).at(-1)?.lastGoodRevision ?? '0';
}

/** The epoch of an event's id; undefined if it is none. */
export function epochOfEventId(id: string): number | undefined {
  return placeOf(id)?.epoch;
}

/** What a restore knows when it opens the next epoch. */
export interface Restored {
  /** The revision of the copy: the last one of the former epoch that counts. */
  readonly lastGoodRevision: string;
  /** Where the revisions of the new epoch begin. */
  readonly firstRevision: string;
  /** The highest epoch of which anything is known, of branches that are lost too. */
  readonly highestEpochSeen: number;
}

/** The epochs of a store that is restored from a copy: its number was never used before, as far as the record knows. */
export function nextEpochs(former: Epochs, { lastGoodRevision, firstRevision, highestEpochSeen }: Restored): Epochs {
  const { epoch, history } = former;
  const past: PastEpoch = { epoch, ...(former.firstRevision !== undefined && { firstRevision: former.firstRevision }), lastGoodRevision };
  return { epoch: Math.max(epoch, highestEpochSeen) + 1, firstRevision, history: [...history, past] };
}

/**
 * Where the revisions of a restored store begin: a long way behind the copy, so that no revision that was handed out and
 * then lost (a cursor, an ETag, a fence) is met again with another meaning. Of the restores from one copy each begins
 * where none before it can have come, since no store commits a thousand times a second without a pause.
 */
export function firstRevisionAfter(copyRevision: number, nowMs: number, gapMin: number): number {
  return Math.max(copyRevision + gapMin, nowMs);
}

function placeOf(id: string): { readonly epoch: number; readonly revision: string } | undefined {
  const [, epoch, revision] = /^(\d{4,9})-(\d{19})-\d{4,9}$/.exec(id) ?? [];
  return epoch === undefined || revision === undefined ? undefined : { epoch: Number(epoch), revision };
}

function isBefore(revision: string, first: string | undefined): boolean {
  return first !== undefined && compareRevisions(revision, first) < 0;
}
