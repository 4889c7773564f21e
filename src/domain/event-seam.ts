import type { EventPosition } from './event-position';

/** What was read of the two places that an event may be in, from a position on. */
export interface Seam<Event extends { readonly id: string }> {
  readonly after: EventPosition;
  /** What was not recorded yet, in any order, as one revision had it: read before the record was. */
  readonly waiting: readonly Event[];
  /** The position of that revision. */
  readonly reached: EventPosition;
  /** The page of the record that begins after the position, in order. */
  readonly recorded: readonly Event[];
  /** Whether the page was cut, so that the record may hold more behind it. */
  readonly isFull: boolean;
}

/** Events in order without a gap, and how far they go. */
export interface Stretch<Event> {
  readonly events: readonly Event[];
  readonly position: EventPosition;
}

/**
 * Joins what waits with what is recorded. An event is taken out of what waits only once it is in the record, so up to the
 * revision at which the first was read, both together are everything. Beyond it they are not: events come to the record
 * in any order, and one that is there may follow one that is not. Nor are they beyond the end of a page that was cut.
 */
export function joinSeam<Event extends { readonly id: string }>({ after, waiting, reached, recorded, isFull }: Seam<Event>): Stretch<Event> {
  const lastRecorded = recorded[recorded.length - 1]?.id;
  const position = isFull && lastRecorded !== undefined && lastRecorded < reached ? lastRecorded : reached;
  const byId = new Map([...recorded, ...waiting].map((event) => [event.id, event]));
  const events = [...byId.values()].filter(({ id }) => id > after && id <= position);
  return { events: events.sort((one, other) => (one.id < other.id ? -1 : 1)), position };
}
