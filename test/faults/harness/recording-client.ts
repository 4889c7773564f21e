import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentialsFor } from '../../support/credentials';
import type { Reply } from '../../support/client';
import type { Call, CallOutcome } from './history';

export interface RecordingOptions {
  /** How long a request is repeated before its last outcome is the answer. */
  readonly deadlineMs?: number;
  /** How long one attempt may take: a connection that was cut in half never ends by itself. */
  readonly attemptTimeoutMs?: number;
  /** Where the calls go, when several clients are one run. */
  readonly calls?: Call[];
}

const deadlineMsDefault = 120_000;
const attemptTimeoutMsDefault = 20_000;
const pauseMs = 100;

/**
 * The API as a careful client uses it: what changes something carries an idempotency key, and is repeated under it, at
 * one address after the other, for as long as nobody says what became of it. Every attempt is recorded.
 */
export class RecordingClient {
  readonly calls: Call[];
  private readonly deadlineMs: number;
  private readonly attemptTimeoutMs: number;
  private turn = 0;

  constructor(
    private readonly urls: readonly string[],
    options: RecordingOptions = {},
  ) {
    this.calls = options.calls ?? [];
    this.deadlineMs = options.deadlineMs ?? deadlineMsDefault;
    this.attemptTimeoutMs = options.attemptTimeoutMs ?? attemptTimeoutMsDefault;
  }

  /** Asks until there is an answer that will not change by asking again, or the deadline has passed. */
  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
    const given = new Headers(headers).get('Idempotency-Key') ?? undefined;
    const mutates = method !== 'GET';
    const idempotencyKey = given ?? (mutates ? `harness-${randomBytes(8).toString('hex')}` : undefined);
    const deadlineAtMs = Date.now() + this.deadlineMs;
    for (;;) {
      const attempt = await this.attempt<T>({ method, path, body, ...(idempotencyKey !== undefined && { idempotencyKey }) }, headers);
      const isOver = Date.now() + pauseMs > deadlineAtMs;
      if ('reply' in attempt && (isOver || !mayChange(attempt.reply.status))) return attempt.reply;
      if ('error' in attempt && isOver) throw new Error(`${method} ${path} had no answer for ${this.deadlineMs} ms`, { cause: attempt.error });
      await sleep(pauseMs);
    }
  }

  /** Fails unless the answer is a success. */
  async must<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const reply = await this.call<T>(method, path, body, headers);
    if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  private async attempt<T>(
    asked: Pick<Call, 'method' | 'path' | 'body' | 'idempotencyKey'>,
    headers: Record<string, string>,
  ): Promise<{ readonly reply: Reply<T> } | { readonly error: unknown }> {
    const url = this.urls[this.turn++ % this.urls.length]!;
    const call: Call = { id: `call-${this.calls.length + 1}`, ...asked, url, startedAtMs: Date.now() };
    // On record before it is sent: one that never ends was made all the same.
    const position = this.calls.push(call) - 1;
    const end = (outcome: CallOutcome) => (this.calls[position] = { ...call, endedAtMs: Date.now(), outcome });
    try {
      const reply = await this.send<T>(call, headers);
      end({ status: reply.status, body: reply.body });
      return { reply };
    } catch (error) {
      end({ error: describe(error) });
      return { error };
    }
  }

  /** An answer that is cut off half-way is none. */
  private async send<T>({ url, method, path, body, idempotencyKey }: Call, headers: Record<string, string>): Promise<Reply<T>> {
    const sent = new Headers({ ...credentialsFor(url), ...headers });
    if (body !== undefined) sent.set('Content-Type', 'application/json');
    if (idempotencyKey !== undefined) sent.set('Idempotency-Key', idempotencyKey);
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: sent,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(this.attemptTimeoutMs),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as T };
  }
}

/** Whether asking again may be answered otherwise. */
function mayChange(status: number): boolean {
  return status >= 500 || status === 429;
}

/** What `fetch` throws says "fetch failed"; why is in its cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
