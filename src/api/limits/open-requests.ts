import type { Request, Response } from 'express';
import { openRequestsRetryMs } from '../../domain/limits';
import { asksForStream } from '../http/accept';
import { ApiProblem } from '../http/problem';

/** Requests are counted apart by how long they stay: those that wait must not keep the others out. */
export type RequestKind = 'request' | 'wait' | 'stream';

const names: Readonly<Record<RequestKind, string>> = { request: 'requests', wait: 'requests that wait', stream: 'streams' };

/** How many requests each caller has open at this server. */
export class OpenRequests {
  private readonly counts = new Map<string, number>();

  constructor(private readonly maxima: Readonly<Record<RequestKind, number>>) {}

  /** How many callers have any. */
  get size(): number {
    return this.counts.size;
  }

  /** Counts a request until its answer is through, or cut; refuses one too many. */
  enter(callerId: string, kind: RequestKind, response: Pick<Response, 'once'>): void {
    const key = `${kind} ${callerId}`;
    const open = this.counts.get(key) ?? 0;
    const max = this.maxima[kind];
    if (open >= max) throw tooMany(kind, max);
    this.counts.set(key, open + 1);
    response.once('close', () => this.leave(key));
  }

  private leave(key: string): void {
    const open = this.counts.get(key) ?? 0;
    if (open > 1) this.counts.set(key, open - 1);
    else this.counts.delete(key);
  }
}

/** Whoever asks for a stream is answered by one where there is one, and whoever names a wait waits where it is possible. */
export function kindOf(request: Request): RequestKind {
  if (asksForStream(request)) return 'stream';
  const mayWait = request.url.includes('?') && (request.query['waitFor'] !== undefined || request.query['wait'] !== undefined);
  return mayWait ? 'wait' : 'request';
}

function tooMany(kind: RequestKind, limit: number): ApiProblem {
  return new ApiProblem('too_many_requests_in_flight', `this caller has ${limit} ${names[kind]} open at this server, and may have no more`, {
    members: { kind, limit },
    headers: { 'retry-after': String(Math.ceil(openRequestsRetryMs / 1000)) },
  });
}
