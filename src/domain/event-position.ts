import type { RecordedEvent } from './events';
import { eventId } from './events';

/**
 * A place in the one order of events: whoever is there has seen everything up to it. An event's id is the place right
 * after that event, so positions compare as text among each other and with ids.
 */
export type EventPosition = string;

/** Before the first event of all. */
export const beginning: EventPosition = '0';

/** Higher than the index of any event: a transaction holds far fewer operations. */
const indexMax = 9999;

/** After everything that was committed up to a revision of an epoch. */
export function positionAfter(epoch: number, revision: number): EventPosition {
  return eventId({ epoch, revision: String(revision), index: indexMax });
}

/** What a position is made of. */
export interface PositionParts extends Pick<RecordedEvent, 'epoch' | 'index'> {
  readonly revision: number;
  /** Whether it is the id of an event, which can be looked for. */
  readonly isEvent: boolean;
}

/** Reads a position; undefined when it is none, or `beginning`. */
export function partsOf(position: string): PositionParts | undefined {
  const [, epoch, revision, index] = /^(\d{4})-(\d{19})-(\d{4})$/.exec(position) ?? [];
  if (epoch === undefined || !Number.isSafeInteger(Number(revision))) return undefined;
  return { epoch: Number(epoch), revision: Number(revision), index: Number(index), isEvent: Number(index) !== indexMax };
}
