import type { RecordedEvent } from '../domain/events';
import { projectorBatchMax } from '../domain/limits';
import { pause } from '../pause';
import type { EtcdClient, KeyedEntry } from '../stores/etcd/client';
import type { Compare, OutboxValue } from '../stores/etcd/commit';
import { assertKnown, schemaVersionKnown, schemaVersionOf } from '../stores/etcd/commit';
import type { Committer } from '../stores/etcd/committer';
import { keys } from '../stores/etcd/keys';
import type { Term, Vacancy } from '../stores/etcd/leadership';
import type { WatchCache } from '../stores/etcd/watch-cache';
import { untilChange } from './until-change';

/** The permanent record. Inserting an event again is fine, if it is the same event. */
export interface EventRecord {
  insert(events: readonly RecordedEvent[]): Promise<void>;
}

export interface ProjectorDependencies {
  readonly client: EtcdClient;
  readonly cache: WatchCache;
  readonly committer: Committer;
  readonly record: EventRecord;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

const resyncIntervalMs = 5_000;
const retryDelayMs = 1_000;
/** Events gather for this long, so that a busy outbox is drained in few, full batches. */
const gatherMs = 250;

/**
 * Moves events from the outbox into the record: inserts them, then deletes exactly the keys it inserted.
 * Trimming is the checkpoint: what is still in the outbox has not been recorded for certain.
 */
export async function leadProjection(dependencies: ProjectorDependencies, term: Term): Promise<void> {
  const { cache, onProblem } = dependencies;
  while (!term.signal.aborted) {
    try {
      await drainOutbox(dependencies, term);
    } catch (cause) {
      onProblem('projecting events failed, they stay in the outbox', cause);
      await pause(retryDelayMs, term.signal);
    }
    await untilChange(cache, (key) => key.startsWith(keys.outboxPrefix), resyncIntervalMs, term.signal);
    await pause(gatherMs, term.signal);
  }
}

/** Moves events until the outbox is empty. Trimming is made of deletes alone, so it works in a full etcd as well. */
export async function drainOutbox(dependencies: ProjectorDependencies, { fence, signal }: Term | Vacancy): Promise<void> {
  while (!signal.aborted) {
    if ((await projectBatch(dependencies, fence)) < projectorBatchMax) return;
  }
}

/** Records the oldest outbox entries; answers how many there were. */
async function projectBatch({ client, committer, record }: ProjectorDependencies, fence: Compare): Promise<number> {
  const listed = await client.list(keys.outboxPrefix, projectorBatchMax);
  const entries = understood(listed.entries);
  if (entries.length === 0) return 0;
  await record.insert(entries.flatMap(eventsOf));
  const last = entries[entries.length - 1]!;
  // Half of the bound on operations, since every delete of the batch is in one transaction.
  for (let from = 0; from < entries.length; from += projectorBatchMax / 2) {
    const batch = entries.slice(from, from + projectorBatchMax / 2);
    const outcome = await committer.commit({ id: `trim/${last.revision}/${from}`, compares: [fence], puts: [], deletes: batch.map((entry) => entry.key), events: [] });
    if (outcome.kind !== 'done') throw new Error('another projector leads by now');
  }
  return entries.length;
}

/** What comes before the first entry of a newer program, which alone knows all that is in it. Throws ValueNewerError where that is the first. */
function understood(entries: readonly KeyedEntry[]): readonly KeyedEntry[] {
  const newer = entries.findIndex(({ value }) => schemaVersionOf(value) > schemaVersionKnown);
  if (newer === 0) assertKnown(entries[0]!.key, entries[0]!.value);
  return newer === -1 ? entries : entries.slice(0, newer);
}

/** The events of one outbox entry, each with its place in the one order. */
export function eventsOf(entry: KeyedEntry): RecordedEvent[] {
  const { epoch, firstIndex, events } = entry.value as OutboxValue;
  return events.map((event, position) => ({ ...event, epoch, revision: String(entry.revision), index: firstIndex + position }));
}
