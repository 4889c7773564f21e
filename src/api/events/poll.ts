import type { ScopedEventFilter } from '../../domain/event-filter';
import { isTold } from '../../domain/event-filter';
import type { EventPosition } from '../../domain/event-position';
import { pause } from '../../pause';
import { ApiProblem } from '../http/problem';
import type { EventFeed } from './feed';
import type { SharedEvent } from './shared-event';

export interface Poll {
  readonly from: EventPosition;
  readonly filter: ScopedEventFilter;
  readonly limit: number;
  /** How long to wait for an event when there is none yet. */
  readonly waitMs: number;
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal;
}

export interface Polled {
  readonly events: readonly SharedEvent[];
  readonly position: EventPosition;
  readonly more: boolean;
}

/** Reads on from a position: what memory holds, or one read of the record. Waits only when there is nothing at all. */
export async function pollEvents(feed: EventFeed, { from, filter, limit, waitMs, gone }: Poll): Promise<Polled> {
  const deadline = performance.now() + waitMs;
  let position = from;
  for (;;) {
    const polled = await readOnce(feed, position, filter, limit);
    const isOver = polled.events.length > 0 || polled.more || performance.now() >= deadline || gone.aborted || feed.isStopping;
    if (isOver) return polled;
    position = polled.position;
    const { epoch } = feed.log;
    await nextWithin(feed, deadline - performance.now(), gone);
    // Whether what was told of the former epoch is still so is found out by who comes again.
    if (feed.log.epoch !== epoch) return polled;
  }
}

async function nextWithin(feed: EventFeed, timeoutMs: number, gone: AbortSignal): Promise<void> {
  const over = new AbortController();
  await Promise.race([feed.next(), pause(timeoutMs, AbortSignal.any([gone, over.signal]))]);
  over.abort();
}

async function readOnce({ log }: EventFeed, from: EventPosition, filter: ScopedEventFilter, limit: number): Promise<Polled> {
  const isRecent = log.isRecent(from);
  const { events, position: end } = isRecent ? { events: log.recentAfter(from), position: log.head } : await log.olderAfter(from);
  if (isRecent && from === end && log.isBlocked) throw new ApiProblem('newer_version', 'events follow that a newer version of the server wrote');
  const found: SharedEvent[] = [];
  for (const event of events) {
    if (!isTold(event, filter)) continue;
    if (found.length === limit) return { events: found, position: found[limit - 1]!.id, more: true };
    found.push(event);
  }
  return { events: found, position: end, more: end < log.head };
}
