import type { RecordedEvent } from '../../domain/events';
import type { KeyedEntry } from './client';
import type { OutboxValue } from './commit';
import type { WatchCache } from './watch-cache';

/** The events of one outbox entry as they were committed, each with its place in the one order. */
export function eventsOf(entry: KeyedEntry): RecordedEvent[] {
  const { epoch, firstIndex, events } = entry.value as OutboxValue;
  return events.map((event, position) => ({ ...event, epoch, revision: String(entry.revision), index: firstIndex + position }));
}

/** What was committed and, as far as a cache knows, is not recorded yet, oldest first. */
export function outboxOf(cache: WatchCache): KeyedEntry[] {
  return cache.collection('outbox').sort((one, other) => one.revision - other.revision || (one.value as OutboxValue).firstIndex - (other.value as OutboxValue).firstIndex);
}
