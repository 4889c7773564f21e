import { credentialsFor } from '../../support/credentials';
import { EventStreamParser } from '../../../src/client/event-stream';
import type { CloudEvent } from '../../../src/domain/events';
import { eventually } from '../../support/etcd';

/** What a poll answers. */
export interface EventPoll {
  readonly items: readonly CloudEvent[];
  readonly nextCursor: string;
  readonly more: boolean;
  readonly revision: string;
}

/** Reads a stream of events frame by frame, as the server writes it. */
export class EventConsumer {
  readonly events: CloudEvent[] = [];
  /** Ids of all frames that had one, in order: the last is what a browser would resume from. */
  readonly ids: string[] = [];
  comments = 0;
  positions = 0;
  end: { readonly code: string; readonly cursor: string } | undefined;
  closed = false;
  private readonly leaving = new AbortController();

  private constructor(readonly response: Response) {}

  static async open(url: string, query = '', headers: Record<string, string> = {}): Promise<EventConsumer> {
    const leaving = new AbortController();
    const response = await fetch(`${url}/api/v1/events${query}`, { headers: { ...credentialsFor(url), accept: 'text/event-stream', ...headers }, signal: leaving.signal });
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    const consumer = new EventConsumer(response);
    consumer.leaving.signal.addEventListener('abort', () => leaving.abort());
    void consumer.read();
    await eventually('the first frame', () => consumer.positions > 0);
    return consumer;
  }

  get lastId(): string {
    return this.ids[this.ids.length - 1]!;
  }

  /** Subjects of the events, in order. */
  get subjects(): string[] {
    return this.events.map(({ subject }) => subject);
  }

  close(): void {
    this.leaving.abort();
  }

  async until(what: string, holds: (consumer: this) => boolean, timeoutMs = 15_000): Promise<void> {
    await eventually(`${what}; heard ${this.events.length} events, end ${JSON.stringify(this.end)}`, () => holds(this), timeoutMs);
  }

  private async read(): Promise<void> {
    const parser = new EventStreamParser(8 * 1024 * 1024);
    const decoder = new TextDecoder();
    try {
      for await (const bytes of this.response.body as unknown as AsyncIterable<Uint8Array>) {
        const piece = decoder.decode(bytes, { stream: true });
        this.comments += piece.match(/^: heartbeat/gm)?.length ?? 0;
        for (const { event, data, id } of parser.push(piece)) {
          if (id !== undefined) this.ids.push(id);
          if (event === 'change') this.events.push(JSON.parse(data) as CloudEvent);
          if (event === 'position') this.positions += 1;
          if (event === 'end') this.end = JSON.parse(data) as { code: string; cursor: string };
        }
      }
    } catch {
      // Closed by the test, or cut by the server.
    }
    this.closed = true;
  }
}
