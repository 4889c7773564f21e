import type { EventFilter } from '../domain/event-filter';
import type { CloudEvent } from '../domain/events';
import { clientRequestTimeoutMs, eventFrameCharactersMax, eventPollWaitMsMax, eventStreamSilenceMsMax, eventStreamsSilentMax } from '../domain/limits';
import { pause } from '../pause';
import type { ServerSentEvent } from './event-stream';
import { EventStreamParser } from './event-stream';
import type { Query } from './http';
import { backoffMs, connected, isPassing, piecesOf, send, urlOf } from './http';
import { ConnectionError } from './problem-error';

/** Where reading begins: after a cursor (an event's id, or `0` for all there are), after a revision such as that of a list, or now. */
export type EventsFrom = { readonly cursor: string } | { readonly revision: string | number };

export interface EventsOptions {
  readonly from?: EventsFrom;
  /** Ends the reading without an error. */
  readonly signal?: AbortSignal;
  /** Streams, and polls where streams do not get through, unless one of them is asked for. */
  readonly by?: 'stream' | 'poll';
  /** Hears of what kept the reading up; it goes on by itself. */
  readonly onProblem?: (cause: unknown) => void;
  /** A stream without a word for this long is opened anew. */
  readonly silenceMsMax?: number;
}

interface ReaderOptions extends EventsOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly filter: EventFilter;
}

const path = '/api/v1/events';

/**
 * Changes in order, each at least once, across broken connections and restarted servers. Rejects with a
 * CursorGoneError when what follows cannot be told without a gap, and with other ProblemErrors that do not pass.
 */
export class EventReader implements AsyncIterable<CloudEvent> {
  private position: string | undefined;
  private silentStreams = 0;
  private readonly signal: AbortSignal;

  constructor(private readonly options: ReaderOptions) {
    const { from, signal } = options;
    this.position = from && 'cursor' in from ? from.cursor : undefined;
    this.signal = signal ?? new AbortController().signal;
  }

  /** Where to go on from later, or elsewhere; moves on also past events that the filter leaves out. Undefined until it is known. */
  get cursor(): string | undefined {
    return this.position;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<CloudEvent, void> {
    for (let failed = 0; !this.signal.aborted; failed++) {
      try {
        for await (const event of this.isPolling ? this.polled() : this.streamed()) {
          failed = 0;
          yield event;
          // Only now: what was handed out and not come back for is told again.
          this.position = event.id;
        }
      } catch (error) {
        if (this.signal.aborted) return;
        if (!isPassing(error)) throw error;
        this.options.onProblem?.(error);
      }
      await pause(backoffMs(failed), this.signal);
    }
  }

  private get isPolling(): boolean {
    return this.options.by === 'poll' || (this.options.by === undefined && this.silentStreams >= eventStreamsSilentMax);
  }

  /** One stream, until it ends or breaks, or is silent for too long. */
  private async *streamed(): AsyncGenerator<CloudEvent> {
    const { headers, silenceMsMax = eventStreamSilenceMsMax } = this.options;
    const silence = new AbortController();
    const cut = () => silence.abort(new ConnectionError(path, new Error(`the stream was silent for ${silenceMsMax} ms`)));
    const timer = setTimeout(cut, silenceMsMax);
    const signal = AbortSignal.any([this.signal, silence.signal]);
    try {
      const accept = { accept: 'text/event-stream', ...headers, ...(this.position !== undefined && { 'last-event-id': this.position }) };
      const response = await send('GET', this.url(), { headers: accept }, signal);
      this.silentStreams += 1;
      const parser = new EventStreamParser(eventFrameCharactersMax);
      for await (const piece of piecesOf(path, response, signal)) {
        timer.refresh();
        for (const frame of parser.push(piece)) {
          this.silentStreams = 0;
          yield* this.heard(frame);
          // However long the reader took with it, the server was not silent meanwhile.
          timer.refresh();
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private *heard({ event, data, id }: ServerSentEvent): Generator<CloudEvent> {
    if (event === 'change') yield JSON.parse(data) as CloudEvent;
    if (event === 'position' && id !== undefined) this.position = id;
    if (event === 'end') this.options.onProblem?.(new ConnectionError(path, new Error(`the server ended the stream: ${data}`)));
  }

  private async *polled(): AsyncGenerator<CloudEvent> {
    const headers = { accept: 'application/json', ...this.options.headers };
    for (;;) {
      const signal = AbortSignal.any([this.signal, AbortSignal.timeout(eventPollWaitMsMax + clientRequestTimeoutMs)]);
      const url = this.url({ wait: `${eventPollWaitMsMax}ms`, ...(this.position !== undefined && { cursor: this.position }) });
      const response = await send('GET', url, { headers }, signal);
      const { items, nextCursor } = JSON.parse(await connected(path, response.text(), signal)) as { items: CloudEvent[]; nextCursor: string };
      yield* items;
      this.position = nextCursor;
    }
  }

  private url(query: Query = {}): string {
    const { filter, from, url } = this.options;
    const { label, ...rest } = filter;
    const begin = this.position === undefined && from && 'revision' in from ? { revision: from.revision } : {};
    return urlOf(url, path, { ...rest, label: label?.map(([name, value]) => `${name}=${value}`), ...begin, ...query });
  }
}
