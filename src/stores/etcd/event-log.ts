import { bulkhead } from 'cockatiel';
import type { Epochs } from '../../domain/epochs';
import { firstEpochs } from '../../domain/epochs';
import type { EventPosition } from '../../domain/event-position';
import { beginning, positionAfter } from '../../domain/event-position';
import type { Stretch } from '../../domain/event-seam';
import { joinSeam } from '../../domain/event-seam';
import { upcast } from '../../domain/event-types';
import type { CloudEvent } from '../../domain/events';
import { toCloudEvent } from '../../domain/events';
import { eventReadersMax, recordReadsInFlightMax } from '../../domain/limits';
import type { KeyedEntry } from './client';
import type { OutboxValue } from './commit';
import { schemaVersionKnown, schemaVersionOf } from './commit';
import { keys } from './keys';
import { eventsOf, outboxOf } from './outbox';
import type { KeptEvent, RecentEventsBounds } from './recent-events';
import { RecentEvents } from './recent-events';
import type { Applied, WatchCache } from './watch-cache';

/** The permanent record, as far as it is read in the order of all events. */
export interface RecordOfEvents {
  /** In order, at most `limit`. */
  after(position: EventPosition, limit: number): Promise<readonly CloudEvent[]>;
  /** The last ones, in order, at most `limit`. */
  newest(limit: number): Promise<readonly CloudEvent[]>;
  has(id: string): Promise<boolean>;
}

export interface EventLogBounds extends RecentEventsBounds {
  /** Events that the memory begins with, from the record. */
  readonly filledMax: number;
  /** Events read from the record at once. */
  readonly recordPageMax: number;
}

export interface EventLogOptions<Event> {
  readonly cache: WatchCache;
  readonly record: RecordOfEvents;
  readonly bounds: EventLogBounds;
  /** Makes of an event, once, what all readers of it share. */
  readonly share: (event: CloudEvent) => Event;
  readonly onProblem: (problem: string, cause?: unknown) => void;
}

/**
 * All events in their one order, wherever they are: recent ones in memory, as the watch brings them, older ones in the
 * record and in the outbox. Reading on from where one reading ended, on this server or another, misses nothing.
 */
export class EventLog<Event extends KeptEvent> {
  private recent: RecentEvents<Event>;
  private restarts = 0;
  /** Before the first event that a newer program wrote, if there is one: nothing from there on can be told. */
  private blockedAt: EventPosition | undefined;
  private unsubscribe: () => void = () => undefined;
  private readonly appended = new Set<() => void>();
  private readonly reads = bulkhead(recordReadsInFlightMax, eventReadersMax);

  constructor(private readonly options: EventLogOptions<Event>) {
    this.recent = new RecentEvents(options.bounds, beginning);
  }

  /** Begins to hear the watch; resolves when older events were asked for as well. */
  start(): Promise<void> {
    this.unsubscribe = this.options.cache.onApplied((applied) => this.hear(applied));
    return this.restart();
  }

  stop(): void {
    this.unsubscribe();
  }

  /** Calls back when there are events that were not there before; returns how to stop. */
  onAppended(listener: () => void): () => void {
    this.appended.add(listener);
    return () => this.appended.delete(listener);
  }

  /** The epochs of the store, as far as the watch has told. */
  get epochs(): Epochs {
    return { ...firstEpochs, ...(this.options.cache.get(keys.epoch)?.value as Partial<Epochs> | undefined) };
  }

  get epoch(): number {
    return this.epochs.epoch;
  }

  /** Up to here everything can be told. */
  get head(): EventPosition {
    return this.blockedAt ?? positionAfter(this.epoch, this.options.cache.revision);
  }

  /** Everything after this is in memory. */
  get floor(): EventPosition {
    return this.recent.floor;
  }

  /** Whether events of a newer program are there, that this one cannot tell. */
  get isBlocked(): boolean {
    return this.blockedAt !== undefined;
  }

  /** How often the memory had to begin anew, since something was missed. */
  get generation(): number {
    return this.restarts;
  }

  isRecent(position: EventPosition): boolean {
    return position >= this.recent.floor;
  }

  /** Recent events after a position, in order. */
  recentAfter(position: EventPosition): Iterable<Event> {
    return this.recent.after(position);
  }

  /** Older events after a position, as many as one read of the record gives, and how far they go. */
  async olderAfter(after: EventPosition): Promise<Stretch<Event>> {
    const { record, share, bounds } = this.options;
    // The outbox before the record: an event leaves the one only after it has come to the other.
    const waiting = this.waiting();
    const reached = this.head;
    const recorded = await this.reads.execute(() => record.after(after, bounds.recordPageMax));
    const { events, position } = joinSeam({ after, waiting, reached, recorded, isFull: recorded.length >= bounds.recordPageMax });
    return { events: events.map(share), position };
  }

  /** Whether there is an event of this id, or was lately. */
  async has(id: string): Promise<boolean> {
    if (id > this.floor) return this.recent.has(id);
    return id === this.floor || this.waiting().some((event) => event.id === id) || this.reads.execute(() => this.options.record.has(id));
  }

  private hear({ changes, relisted }: Applied): void {
    if (relisted) {
      this.options.onProblem('everything was listed anew: the memory of recent events begins anew as well');
      void this.restart();
      return;
    }
    const added = changes.flatMap(({ key, entry }) => (entry !== undefined && key.startsWith(keys.outboxPrefix) ? [entry] : []));
    if (added.length === 0 || this.isBlocked) return;
    this.recent.append(this.understood(added.sort(inOrder)).map(this.options.share));
    for (const listener of this.appended) listener();
  }

  /** Begins with what is in the outbox. It is emptied from its old end, so behind its first revision nothing is missing. */
  private restart(): Promise<void> {
    this.restarts += 1;
    this.blockedAt = undefined;
    const waiting = this.waiting();
    const [first] = waiting;
    const floor = first === undefined ? this.head : positionAfter(first.epoch, Number(first.revision));
    this.recent = new RecentEvents(this.options.bounds, floor);
    this.recent.append(waiting.filter(({ id }) => id > floor).map(this.options.share));
    for (const listener of this.appended) listener();
    return this.fill().catch((cause: unknown) => this.options.onProblem('recent events are not read from the record; readers of them read it themselves', cause));
  }

  /** Puts the end of the record before what was heard. */
  private async fill(): Promise<void> {
    const { record, share, bounds } = this.options;
    const { recent } = this;
    const { floor } = recent;
    const waiting = this.waiting();
    const recorded = await this.reads.execute(() => record.newest(bounds.filledMax));
    const from = recorded.length >= bounds.filledMax ? recorded[0]!.id : beginning;
    if (from >= floor || recent.floor !== floor) return; // Nothing older, or full by now.
    const { events } = joinSeam({ after: from, waiting, reached: floor, recorded, isFull: false });
    recent.prepend(from, events.map(share));
  }

  /** What the outbox holds, in order. */
  private waiting(): CloudEvent[] {
    return this.understood(outboxOf(this.options.cache));
  }

  /** The events of outbox entries, up to the first that a newer program wrote. */
  private understood(entries: readonly KeyedEntry[]): CloudEvent[] {
    const newer = entries.find(({ value }) => schemaVersionOf(value) > schemaVersionKnown || !Array.isArray((value as Partial<OutboxValue>).events));
    if (newer) this.block(newer);
    // Of the revision that is not understood nothing is told, so that no position lies within it.
    const told = newer ? entries.filter(({ revision }) => revision < newer.revision) : entries;
    return told.flatMap(eventsOf).map(toCloudEvent).map(upcast);
  }

  private block({ key, revision, value }: KeyedEntry): void {
    if (this.isBlocked) return;
    this.blockedAt = positionAfter((value as Partial<OutboxValue>).epoch ?? this.epoch, revision - 1);
    this.options.onProblem(`events under ${key} are not of a shape that this program knows; it tells no event from there on`);
  }
}

function inOrder(one: KeyedEntry, other: KeyedEntry): number {
  return (one.value as OutboxValue).firstIndex - (other.value as OutboxValue).firstIndex;
}
