import type { Server } from './server';

/** A problem document (RFC 9457), as far as a person is told of it. */
export interface ProblemDocument {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly requestId: string;
}

/** The server answered, and said no. */
export class RefusedError extends Error {
  constructor(readonly problem: ProblemDocument) {
    super(problem.detail);
    this.name = 'RefusedError';
  }
}

/** Nobody answered, or nobody that speaks as Berth does. */
export class UnreachableError extends Error {
  constructor(readonly server: Server, cause: unknown) {
    super(`${server.url} does not answer as Berth does (${cause instanceof Error ? reasonOf(cause) : String(cause)})`, { cause });
    this.name = 'UnreachableError';
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Asks the API; throws RefusedError or UnreachableError. */
export async function ask<Body>(server: Server, method: 'GET' | 'POST', path: string, query: Query = {}): Promise<Body> {
  const parameters = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]]));
  const search = parameters.length === 0 ? '' : `?${new URLSearchParams(parameters).toString()}`;
  const { ok, body } = await answered(server, method, `${server.url}/api/v1${path}${search}`);
  if (ok) return body as Body;
  if (isProblem(body)) throw new RefusedError(body);
  throw new UnreachableError(server, new Error('it refuses without a problem document'));
}

async function answered(server: Server, method: string, url: string): Promise<{ ok: boolean; body: unknown }> {
  try {
    const response = await fetch(url, { method });
    return { ok: response.ok, body: await response.json() };
  } catch (cause) {
    throw new UnreachableError(server, cause);
  }
}

function isProblem(body: unknown): body is ProblemDocument {
  return typeof body === 'object' && body !== null && 'code' in body && 'requestId' in body;
}

/** fetch says only that it failed; why is in the cause of its error. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
