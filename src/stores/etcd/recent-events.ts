import type { EventPosition } from '../../domain/event-position';

/** An event as it is kept for all who read it; `bytes` is what it costs. */
export interface KeptEvent {
  readonly id: string;
  readonly bytes: number;
}

export interface RecentEventsBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** Room at the front is given back when there is this much of it, so that giving back costs little per event. */
const compactAfter = 1_024;

/**
 * The newest events, in order, within bounds. What is promised is its floor: everything after it is here, so that whoever
 * reads from there on misses nothing. What does not fit any more leaves at the front and raises the floor.
 */
export class RecentEvents<Event extends KeptEvent> {
  private events: Event[] = [];
  private first = 0;
  private heldBytes = 0;
  private lowest: EventPosition;

  constructor(
    private readonly bounds: RecentEventsBounds,
    floor: EventPosition,
  ) {
    this.lowest = floor;
  }

  /** Everything after this position is here. */
  get floor(): EventPosition {
    return this.lowest;
  }

  get count(): number {
    return this.events.length - this.first;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** Adds what comes after everything that is here. */
  append(events: readonly Event[]): void {
    for (const event of events) {
      this.events.push(event);
      this.heldBytes += event.bytes;
    }
    while (this.count > this.bounds.eventsMax || (this.heldBytes > this.bounds.bytesMax && this.count > 0)) this.dropFirst();
    if (this.first > compactAfter) this.compact();
  }

  /** Puts what is known to be everything between a position and the floor before the rest, as far as there is room. */
  prepend(from: EventPosition, events: readonly Event[]): void {
    let bytes = this.heldBytes;
    let begin = events.length;
    while (begin > 0 && this.count + events.length - begin < this.bounds.eventsMax && bytes + events[begin - 1]!.bytes <= this.bounds.bytesMax) {
      bytes += events[--begin]!.bytes;
    }
    this.events = [...events.slice(begin), ...this.events.slice(this.first)];
    this.first = 0;
    this.heldBytes = bytes;
    this.lowest = begin === 0 ? from : events[begin - 1]!.id;
  }

  /** What comes after a position, in order. The position must not be below the floor. */
  *after(position: EventPosition): Generator<Event> {
    for (let index = this.indexAfter(position); index < this.events.length; index++) yield this.events[index]!;
  }

  has(id: string): boolean {
    const index = this.indexAfter(id) - 1;
    return index >= this.first && this.events[index]!.id === id;
  }

  private indexAfter(position: EventPosition): number {
    let low = this.first;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle]!.id > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private dropFirst(): void {
    const dropped = this.events[this.first]!;
    this.first += 1;
    this.heldBytes -= dropped.bytes;
    this.lowest = dropped.id;
    if (this.count === 0) this.compact();
  }

  private compact(): void {
    this.events = this.events.slice(this.first);
    this.first = 0;
  }
}
