import { randomUUID } from 'node:crypto';
import type { EventFilter } from '../domain/event-filter';
import { clientRequestTimeoutMs } from '../domain/limits';
import { pause } from '../pause';
import type { EventsOptions } from './event-reader';
import { EventReader } from './event-reader';
import type { Method, Query } from './http';
import { backoffMs, connected, isPassing, piecesOf, send, urlOf } from './http';

export interface ClientOptions {
  /** Where the API is, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Of a principal; sent with every request. */
  readonly token?: string;
  /** Sent with every request, too. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RequestOptions {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The same key again repeats the answer, not the deed. Minted when absent, and the same for all tries of one request. */
  readonly idempotencyKey?: string;
  /** The ETag that a change is meant for. */
  readonly ifMatch?: string;
  /** How often what may pass is tried again: problems that are retryable, and connections that broke. None by default. */
  readonly retriesMax?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface PageOf<Item> {
  readonly items: readonly Item[];
  readonly revision: string;
  readonly nextCursor?: string;
}

/** The public API for programs: problems are typed errors, lists and the stream of changes are iterated over. */
export class BerthClient {
  constructor(private readonly options: ClientOptions) {}

  /** Sends a request; answers its JSON. Rejects with a ProblemError or a ConnectionError. */
  async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const { retriesMax = 0, idempotencyKey = randomUUID() } = options;
    for (let failed = 0; ; failed++) {
      try {
        return await this.once<T>(method, path, { ...options, idempotencyKey });
      } catch (error) {
        if (failed >= retriesMax || !isPassing(error) || options.signal?.aborted) throw error;
        await pause(backoffMs(failed), options.signal ?? never);
      }
    }
  }

  get<T>(path: string, query: Query = {}, options: RequestOptions = {}): Promise<T> {
    return this.request<T>('GET', path, { ...options, query });
  }

  /** All objects of a list, page by page as they are asked for. */
  async *list<Item>(path: string, query: Query = {}, options: RequestOptions = {}): AsyncGenerator<Item, void> {
    let cursor: string | undefined;
    do {
      const page = await this.get<PageOf<Item>>(path, { ...query, ...(cursor !== undefined && { cursor }) }, options);
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /** All changes that a filter lets through, in order, from a place on and without end. */
  events(filter: EventFilter = {}, options: EventsOptions = {}): EventReader {
    return new EventReader({ url: this.options.url, headers: headersOf(this.options), filter, ...options });
  }

  /** An answer that comes piece by piece, such as an export, as text. A connection that breaks half-way is a ConnectionError. */
  async *pieces(path: string, accept: string, { query, signal = never }: Pick<RequestOptions, 'query' | 'signal'> = {}): AsyncGenerator<string, void> {
    const url = urlOf(this.options.url, path, query);
    const response = await send('GET', url, { headers: { accept, ...headersOf(this.options) } }, signal);
    yield* piecesOf(`GET ${url}`, response, signal);
  }

  private async once<T>(method: Method, path: string, options: RequestOptions): Promise<T> {
    const { query, body, ifMatch, idempotencyKey, timeoutMs = clientRequestTimeoutMs } = options;
    const url = urlOf(this.options.url, path, query);
    const headers: Record<string, string> = { accept: 'application/json', ...headersOf(this.options), ...options.headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (method !== 'GET' && idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
    if (ifMatch !== undefined) headers['if-match'] = ifMatch;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    const response = await send(method, url, { headers, ...(body !== undefined && { body: JSON.stringify(body) }) }, signal);
    const text = await connected(`${method} ${url}`, response.text(), signal);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}

function headersOf({ token, headers }: ClientOptions): Readonly<Record<string, string>> {
  return { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
}

const never = new AbortController().signal;
