import type { Request, Response } from 'express';
import { openRequestsRetryMs } from '../../domain/limits';
import { asksForStream } from '../http/accept';
import { ApiProblem } from '../http/problem';

/** Requests are counted apart by how long they stay: those that wait must not keep the others out. */
export type RequestKind = 'request' | 'wait' | 'stream';

const names: Readonly<Record<RequestKind, string>> = { request: 'requests', wait: 'requests that wait', stream: 'streams' };

/** A request and its answer. */
export interface Exchange {
  readonly request: Request;
  readonly response: Response;
}

/** How many requests each caller has open at this server. */
export class OpenRequests {
  private readonly counts = new Map<string, number>();

  constructor(private readonly maxima: Readonly<Record<RequestKind, number>>) {}

  /** How many callers have any. */
  get size(): number {
    return this.counts.size;
  }

  /** Counts a request until its answer is through, or cut; refuses one too many. One whose client has gone meanwhile is open no more. */
  enter(callerId: string, kind: RequestKind, exchange: Exchange): void {
    if (isOver(exchange)) return;
    const key = `${kind} ${callerId}`;
    const open = this.counts.get(key) ?? 0;
    const max = this.maxima[kind];
    if (open >= max) throw tooMany(kind, max);
    this.counts.set(key, open + 1);
    onceOver(exchange, () => this.leave(key));
  }

  private leave(key: string): void {
    const open = this.counts.get(key) ?? 0;
    if (open > 1) this.counts.set(key, open - 1);
    else this.counts.delete(key);
  }
}

/** Who is gone is not heard of again: the event was before anybody listened for it. */
function isOver({ request, response }: Exchange): boolean {
  return response.closed || (response.socket === null && request.socket.destroyed);
}

function onceOver({ request: { socket }, response }: Exchange, leave: () => void): void {
  if (response.socket !== null) return void response.once('close', leave);
  // An answer that waits for others on its connection hears of the connection's end only when its turn has come.
  let hasLeft = false;
  const once = () => {
    if (!hasLeft) leave();
    hasLeft = true;
    socket.off('close', once);
  };
  socket.setMaxListeners(0).once('close', once);
  response.once('close', once);
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
