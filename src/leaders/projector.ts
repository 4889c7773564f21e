import { commitOperationsMax, projectorBatchBytesMax, projectorBatchMax } from '../domain/limits';
import { pause } from '../pause';
import type { KeyedEntry } from '../stores/etcd/client';
import type { Compare } from '../stores/etcd/commit';
import { assertKnown, schemaVersionKnown, schemaVersionOf } from '../stores/etcd/commit';
import type { Committer } from '../stores/etcd/committer';
import { keys } from '../stores/etcd/keys';
import type { Term, Vacancy } from '../stores/etcd/leadership';
import { eventsOf, outboxOf } from '../stores/etcd/outbox';
import type { WatchCache } from '../stores/etcd/watch-cache';
import type { PermanentRecord } from './permanent-record';
import { untilChange } from './until-change';

export interface ProjectorDependencies {
  readonly cache: WatchCache;
  readonly committer: Committer;
  readonly record: Pick<PermanentRecord, 'insert'>;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const resyncIntervalMs = 5_000;
const retryDelayMs = 1_000;
/** Events gather for this long, so that a busy outbox is drained in few, full batches. */
const gatherMs = 250;
/** How long the cache may take to show what was just trimmed. */
const catchUpTimeoutMs = 5_000;

/**
 * Moves events from the outbox into the record: inserts them, then deletes exactly the keys it inserted.
 * Trimming is the checkpoint: what is still in the outbox has not been recorded for certain.
 */
export async function leadProjection(dependencies: ProjectorDependencies, term: Term): Promise<void> {
  const { cache, onProblem } = dependencies;
  while (!term.signal.aborted) {
    // Listening begins before the look, so that what is committed during a batch does not wait for the next resync.
    const changed = untilChange(cache, (key) => key.startsWith(keys.outboxPrefix), resyncIntervalMs, term.signal);
    try {
      await drainOutbox(dependencies, term);
    } catch (cause) {
      onProblem('projecting events failed, they stay in the outbox', cause);
      await pause(retryDelayMs, term.signal);
    }
    await changed;
    await pause(gatherMs, term.signal);
  }
}

/**
 * Moves events until the outbox is empty, as far as the cache knows: what it shows was committed, and whatever it does
 * not show yet stays where it is. Trimming is made of deletes alone, so it works in a full etcd as well.
 */
export async function drainOutbox(dependencies: ProjectorDependencies, { fence, signal }: Term | Vacancy): Promise<void> {
  while (!signal.aborted) {
    const waiting = outboxOf(dependencies.cache);
    const batch = batchOf(waiting);
    const entries = understood(batch);
    if (entries.length === 0) return;
    await projectBatch(dependencies, entries, fence);
    if (batch.length === waiting.length) return;
  }
}

/** Records outbox entries, and takes them out of the outbox. */
async function projectBatch({ cache, committer, record }: ProjectorDependencies, entries: readonly KeyedEntry[], fence: Compare): Promise<void> {
  await record.insert(entries.flatMap(eventsOf));
  const last = entries[entries.length - 1]!;
  for (let from = 0; from < entries.length; from += commitOperationsMax) {
    const deletes = entries.slice(from, from + commitOperationsMax).map(({ key }) => key);
    const outcome = await committer.commit({ id: `trim/${last.revision}/${from}`, compares: [fence], puts: [], deletes, events: [] });
    if (outcome.kind !== 'done') throw new Error('another projector leads by now');
    // Else the next batch would be the same one again.
    await cache.waitForRevision(outcome.revision, catchUpTimeoutMs);
  }
}

/** The oldest entries, as many as are recorded together: bounded in bytes as well, since an insert has to end in its time. */
function batchOf(waiting: readonly KeyedEntry[]): readonly KeyedEntry[] {
  let bytes = 0;
  const fitting = waiting.slice(0, projectorBatchMax).findIndex(({ value }) => (bytes += JSON.stringify(value).length) > projectorBatchBytesMax);
  return waiting.slice(0, fitting === -1 ? projectorBatchMax : Math.max(1, fitting));
}

/** What comes before the first entry of a newer program, which alone knows all that is in it. Throws ValueNewerError where that is the first. */
function understood(entries: readonly KeyedEntry[]): readonly KeyedEntry[] {
  const newer = entries.findIndex(({ value }) => schemaVersionOf(value) > schemaVersionKnown);
  if (newer === 0) assertKnown(entries[0]!.key, entries[0]!.value);
  return newer === -1 ? entries : entries.slice(0, newer);
}
