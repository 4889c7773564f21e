import { clientBackoffMsMax, clientBackoffMsMin } from '../domain/limits';
import { ConnectionError, ProblemError, problemOf } from './problem-error';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Values of a query; a list repeats its name, what is undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export function urlOf(base: string, path: string, query: Query = {}): string {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) if (one !== undefined) url.searchParams.append(name, String(one));
  }
  return url.href;
}

/** An answer that is a success. Rejects with a ProblemError, a ConnectionError, or the reason of the signal. */
export async function send(method: Method, url: string, init: { readonly headers: Readonly<Record<string, string>>; readonly body?: string }, signal: AbortSignal): Promise<Response> {
  const request = `${method} ${url}`;
  const response = await connected(request, fetch(url, { method, ...init, signal }), signal);
  if (response.ok) return response;
  const body = await connected(request, response.text(), signal);
  throw problemOf(response.status, body);
}

/** The pieces of an answer's body, as text. */
export async function* piecesOf(request: string, response: Response, signal: AbortSignal): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const piece = await connected<{ readonly value?: Uint8Array }>(request, reader.read(), signal);
      if (piece.value === undefined) return;
      yield decoder.decode(piece.value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined); // Closes the connection; that it is closed already is no matter.
  }
}

/**
 * What a connection does, or the end of our patience. The signal is heard here and not only by fetch, whose streams,
 * once a garbage collection has run, cannot be relied on to hear of it (seen with Node 20).
 */
export async function connected<T>(request: string, doing: Promise<T>, signal: AbortSignal): Promise<T> {
  let giveUp: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason as Error);
    signal.addEventListener('abort', giveUp);
  });
  try {
    if (signal.aborted) giveUp();
    return await Promise.race([doing, aborted]);
  } catch (cause) {
    doing.catch(() => undefined);
    throw signal.aborted && !isTimeout(signal.reason) ? signal.reason : new ConnectionError(request, cause);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

/** How long to wait before a try that so many failed ones precede. */
export function backoffMs(failed: number): number {
  return Math.min(clientBackoffMsMax, clientBackoffMsMin * 2 ** failed) * (0.5 + Math.random() / 2);
}

/** Whether the same request may go better another time. */
export function isPassing(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ProblemError && error.retryable);
}
