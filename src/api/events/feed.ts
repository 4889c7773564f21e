import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import type { ScopedEventFilter } from '../../domain/event-filter';
import { isTold } from '../../domain/event-filter';
import type { EventPosition } from '../../domain/event-position';
import {
  eventBatchBytesMax,
  eventBatchWindowMs,
  eventReadersMax,
  eventStreamDrainMsMax,
  eventStreamEndMsMax,
  eventStreamHeartbeatIntervalMs,
  recentEventsBytesMax,
  recentEventsFilledMax,
  recentEventsMax,
  recordPageSize,
} from '../../domain/limits';
import { EventLog } from '../../stores/etcd/event-log';
import { pause } from '../../pause';
import type { ApiDependencies, EventBounds } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import type { SharedEvent } from './shared-event';
import { shareEvent } from './shared-event';

const boundsDefault: EventBounds = {
  eventsMax: recentEventsMax,
  bytesMax: recentEventsBytesMax,
  filledMax: recentEventsFilledMax,
  recordPageMax: recordPageSize,
  readersMax: eventReadersMax,
  batchBytesMax: eventBatchBytesMax,
  heartbeatIntervalMs: eventStreamHeartbeatIntervalMs,
  drainMsMax: eventStreamDrainMsMax,
};

/** Readers look up this often at least, so that one that is quiet shows that it is there, and one that has gone is forgotten. */
const tickMs = 1_000;

/** Readers who follow stand in few places; what is made for those who are behind would only take up memory. */
const batchesKeptMax = 16;

/** Frames that go out together, and the position that they bring a reader to. */
export interface Batch {
  readonly frames: Buffer;
  readonly position: EventPosition;
}

/** What all readers of events share: the log, one schedule of when to write, and what is written. */
@Injectable()
export class EventFeed implements OnModuleInit, OnModuleDestroy {
  readonly bounds: EventBounds;
  readonly log: EventLog<SharedEvent>;
  private readonly readers = new Set<Promise<void>>();
  private readonly batches = new Map<string, Batch>();
  private batchesHead: EventPosition = '';
  private waking = withResolver();
  private wokenAtMs = 0;
  private isScheduled = false;
  private stopping = false;
  private ticks: NodeJS.Timeout | undefined;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {
    const { cache, auditEvents: record, eventBounds, log } = dependencies;
    this.bounds = { ...boundsDefault, ...eventBounds };
    this.log = new EventLog({ cache, record, bounds: this.bounds, share: shareEvent, onProblem: (problem, cause) => log.warn({ err: cause }, problem) });
  }

  onModuleInit(): void {
    void this.log.start();
    this.log.onAppended(() => this.schedule());
    this.ticks = setInterval(() => this.wake(), tickMs).unref();
  }

  /** Streams are told why they end while there are still connections to tell it by. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearInterval(this.ticks);
    this.wake();
    const patience = new AbortController();
    await Promise.race([Promise.allSettled(this.readers), pause(eventStreamEndMsMax, patience.signal)]);
    patience.abort();
    this.log.stop();
  }

  get isStopping(): boolean {
    return this.stopping;
  }

  /** Whether etcd was heard of late; else there may be more than is known here. */
  get isCurrent(): boolean {
    return this.dependencies.cache.current;
  }

  /** How many read, streams and polls together. */
  get readersCount(): number {
    return this.readers.size;
  }

  /** Lets somebody read until he has gone, unless too many do. */
  async admit(gone: AbortSignal, read: () => Promise<void>): Promise<void> {
    if (this.stopping) throw new ApiProblem('not_ready', 'this server is stopping');
    const { readersMax } = this.bounds;
    if (this.readers.size >= readersMax) throw new ApiProblem('too_many_readers', `${readersMax} read events here already; ask another server, or later`);
    const reading = read();
    const over = reading.then(ignore, ignore);
    const leave = () => this.readers.delete(over);
    this.readers.add(over);
    gone.addEventListener('abort', leave);
    await reading.finally(leave);
  }

  /** Resolves when it is time to look for more: at once after a quiet time, else with everything that comes within a window. */
  next(): Promise<void> {
    return this.waking.promise;
  }

  /** What comes next for a reader at a recent position. Readers that stand at the same place with the same filter share it. */
  batchAfter(position: EventPosition, filter: ScopedEventFilter, filterKey: string): Batch {
    const { head } = this.log;
    if (this.batchesHead !== head || this.batches.size >= batchesKeptMax) this.batches.clear();
    this.batchesHead = head;
    const key = `${position} ${filterKey}`;
    const made = this.batches.get(key) ?? this.makeBatch(position, filter, head);
    this.batches.set(key, made);
    return made;
  }

  private makeBatch(after: EventPosition, filter: ScopedEventFilter, head: EventPosition): Batch {
    return cutBatch(this.log.recentAfter(after), filter, head, this.bounds.batchBytesMax);
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    const restMs = this.wokenAtMs + eventBatchWindowMs - performance.now();
    // Several revisions of one response of the watch are told one after the other within one turn.
    if (restMs <= 0) queueMicrotask(() => this.wake());
    else setTimeout(() => this.wake(), restMs);
  }

  private wake(): void {
    this.isScheduled = false;
    this.wokenAtMs = performance.now();
    const { resolve } = this.waking;
    this.waking = withResolver();
    resolve();
  }
}

/** The frames of wanted events, up to a bound but at least one, and how far they go: to `end` when nothing more follows. */
export function cutBatch(events: Iterable<SharedEvent>, filter: ScopedEventFilter, end: EventPosition, bytesMax: number): Batch {
  const frames: Buffer[] = [];
  let bytes = 0;
  let position = end;
  for (const event of events) {
    if (!isTold(event, filter)) continue;
    if (bytes > 0 && bytes + event.frame.length > bytesMax) return { frames: Buffer.concat(frames), position };
    frames.push(event.frame);
    bytes += event.frame.length;
    position = event.id;
  }
  return { frames: Buffer.concat(frames), position: end };
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = ignore;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

function ignore(): void {
  // Whoever reads hears of it.
}
