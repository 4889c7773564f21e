import type { Response } from 'express';
import type { ScopedEventFilter } from '../../domain/event-filter';
import type { EventPosition } from '../../domain/event-position';
import { eventStreamEndMsMax, eventStreamRetryMs } from '../../domain/limits';
import { pause } from '../../pause';
import type { ProblemCode } from '../http/problem';
import { problemOf } from '../http/problem-of';
import type { Batch, EventFeed } from './feed';
import { cutBatch } from './feed';

/** Why a stream ends although its reader is still there: a problem that another request would meet, or one of its own. */
export type StreamEnd = ProblemCode | 'slow_consumer' | 'server_stopping' | 'epoch_ended' | 'credential_ended';

export interface EventStreamOptions {
  readonly feed: EventFeed;
  readonly from: EventPosition;
  readonly filter: ScopedEventFilter;
  /** Aborted when the reader has gone. */
  readonly gone: AbortSignal;
  /** Aborted when what let the reader in lets him in no more. */
  readonly ended: AbortSignal;
  /** Hears of streams that were ended. */
  readonly onEnd: (end: StreamEnd, position: EventPosition, cause?: unknown) => void;
}

/** Streams events until the reader has gone or cannot be served any further. */
export function streamEvents(response: Response, options: EventStreamOptions): Promise<void> {
  return new EventStream(response, options).run();
}

/**
 * One reader: a cursor over what all readers share. It takes the next batch only when the former one has left, so that
 * however slow it reads, it holds one batch and its socket's buffer and no more.
 */
class EventStream {
  private position: EventPosition;
  /** The last position that the reader was told. */
  private told: EventPosition;
  private writtenAtMs = 0;
  /** Where the memory had begun when this reader followed it; 0 while it does not. */
  private followed = 0;
  private readonly filterKey: string;
  private readonly epoch: number;

  constructor(
    private readonly response: Response,
    private readonly options: EventStreamOptions,
  ) {
    this.position = this.told = options.from;
    this.epoch = options.feed.log.epoch;
    this.filterKey = JSON.stringify(options.filter);
  }

  async run(): Promise<void> {
    const { response } = this;
    response.status(200).set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    let end: StreamEnd | undefined;
    let cause: unknown;
    try {
      if (!(await this.write(`retry: ${eventStreamRetryMs}\n${positionFrame(this.position)}`))) end = 'slow_consumer';
      while (end === undefined && !this.isGone) end = await this.step();
    } catch (error) {
      cause = error;
      end = problemOf(error).code;
    }
    if (end !== undefined && !this.isGone) await this.end(end, cause);
  }

  /** Writes what comes next, or waits for it. Answers why the stream must end, if it must. */
  private async step(): Promise<StreamEnd | undefined> {
    const { log, isStopping } = this.options.feed;
    if (this.options.ended.aborted) return 'credential_ended';
    if (isStopping) return 'server_stopping';
    // Whether what was told of the former epoch is still so is found out by who comes again.
    if (log.epoch !== this.epoch) return 'epoch_ended';
    if (log.isRecent(this.position)) return this.follow();
    // Who followed and finds its place gone was too slow, unless the memory had to begin anew.
    if (this.followed === log.generation) return 'slow_consumer';
    return this.catchUp();
  }

  private async follow(): Promise<StreamEnd | undefined> {
    const { feed, filter } = this.options;
    const { log } = feed;
    this.followed = log.generation;
    if (this.position !== log.head) return this.send(feed.batchAfter(this.position, filter, this.filterKey));
    if (log.isBlocked) return 'newer_version';
    const quietMs = performance.now() - this.writtenAtMs;
    if (quietMs < feed.bounds.heartbeatIntervalMs) await feed.next();
    else if (!feed.isCurrent) return 'dependency_unavailable';
    else if (!(await this.write(this.heartbeat()))) return 'slow_consumer';
    return undefined;
  }

  private async catchUp(): Promise<StreamEnd | undefined> {
    const { feed, filter } = this.options;
    const { events, position } = await feed.log.olderAfter(this.position);
    while (this.position < position && !this.isGone && !this.options.ended.aborted) {
      const after = this.position;
      const rest = events.filter(({ id }) => id > after);
      const end = await this.send(cutBatch(rest, filter, position, feed.bounds.batchBytesMax));
      if (end !== undefined) return end;
    }
    return undefined;
  }

  private async send({ frames, position }: Batch): Promise<StreamEnd | undefined> {
    this.position = position;
    if (frames.length === 0) return undefined;
    const isTaken = this.write(frames);
    this.told = position;
    return (await isTaken) ? undefined : 'slow_consumer';
  }

  /** A comment shows that the server is there; the position, where there is a new one, that what was filtered out need not be asked for again. */
  private heartbeat(): string {
    const comment = `: heartbeat ${this.position}\n\n`;
    if (this.told === this.position) return comment;
    this.told = this.position;
    return comment + positionFrame(this.position);
  }

  /** Resolves when the reader has taken what was written, as far as can be known; to false if it does not. */
  private async write(chunk: string | Buffer): Promise<boolean> {
    this.writtenAtMs = performance.now();
    if (this.isGone || this.response.write(chunk)) return true;
    const { response } = this;
    const { gone, ended, feed } = this.options;
    return new Promise((resolve) => {
      const settle = (isTaken: boolean) => {
        clearTimeout(timer);
        response.off('drain', taken);
        gone.removeEventListener('abort', taken);
        ended.removeEventListener('abort', taken);
        resolve(isTaken);
      };
      const taken = () => settle(true);
      const timer = setTimeout(() => settle(false), feed.bounds.drainMsMax);
      response.once('drain', taken);
      gone.addEventListener('abort', taken);
      // Nobody waits for a reader who is to be shown nothing more.
      ended.addEventListener('abort', taken);
    });
  }

  /** Says why, as far as the reader still hears it, and lets go of what it has not taken. */
  private async end(code: StreamEnd, cause: unknown): Promise<void> {
    const { response, position } = this;
    this.options.onEnd(code, position, cause);
    response.end(`event: end\ndata: ${JSON.stringify({ code, cursor: position })}\n\n`);
    await pause(eventStreamEndMsMax, this.options.gone);
    response.destroy();
  }

  private get isGone(): boolean {
    return this.options.gone.aborted;
  }
}

/** Also readers who listen to changes alone take its id for the place to go on from. */
function positionFrame(position: EventPosition): string {
  return `event: position\nid: ${position}\ndata: ${JSON.stringify({ cursor: position })}\n\n`;
}
