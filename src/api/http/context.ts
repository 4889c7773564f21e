import type { ExecutionContext } from '@nestjs/common';
import { createParamDecorator } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import type { Cause } from '../../domain/events';
import { idempotencyKeyCharactersMax, requestIdCharactersMax } from '../../domain/limits';
import { platformOrg } from '../../domain/header';
import type { Caller } from '../../domain/principal';
import { problemAt } from '../../domain/problem';
import type { Scope } from '../../domain/scopes';
import { holdsCredential } from '../../domain/redaction';
import { parseTraceparent, traceparentOf } from '../../domain/trace-context';
import { mintId, mintSpanId, mintTraceId } from './ids';
import { ApiProblem } from './problem';

/** What a request brings beside its parameters and its body. */
export interface RequestContext {
  readonly requestId: string;
  /** W3C trace context of our part of the request. */
  readonly traceparent: string;
  /** Who asks, as the guard let them in. */
  readonly caller: Caller;
  /** What let them in; undefined where a route asks for nothing. */
  readonly scope: Scope | undefined;
  /** Where the request came from. */
  readonly address: string;
  /** Method and route template, such as `POST /api/v1/instances/:id/stop`. */
  readonly route: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly idempotency: { /** Empty where nothing is changed and none was sent. */ readonly key: string; /** By the client; else made here. */ readonly given: boolean };
  readonly ifMatch: string | undefined;
  /** Aborted when the client is no longer there to hear the answer. */
  readonly gone: AbortSignal;
}

interface Known {
  readonly requestId: string;
  readonly traceparent: string;
  readonly idempotency: RequestContext['idempotency'];
  readonly address: string;
}

/** What the guard found out. */
interface Admitted {
  readonly caller: Caller;
  readonly scope: Scope;
}

const contexts = new WeakMap<Request, Known>();
const identified = new WeakMap<Request, Caller>();
const admitted = new WeakMap<Request, Admitted>();

/** Express middleware that comes first: gives the request its ids and says them in every answer, errors included. */
export function requestContext(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('X-Request-Id');
  const requestId = given !== undefined && isPrintable(given, requestIdCharactersMax) ? given : mintId('request');
  const ownKey = request.get('Idempotency-Key');
  const usable = ownKey !== undefined && isPrintable(ownKey, idempotencyKeyCharactersMax);
  const changes = mutates(request);
  const idempotency = { key: usable ? ownKey : changes ? mintId('key') : '', given: usable };
  const traceparent = ownPartOf(request.get('traceparent'));
  contexts.set(request, { requestId, traceparent, idempotency, address: request.socket.remoteAddress ?? 'unknown' });
  response.setHeader('X-Request-Id', requestId).setHeader('traceparent', traceparent).setHeader('Cache-Control', 'no-store');
  // The ETag is the spec's: a 304 made from it would hide a change of status.
  delete request.headers['if-none-match'];
  if (changes && request.path.startsWith('/api/v1/')) response.setHeader('Idempotency-Key', idempotency.key);
  next();
}

/**
 * Express middleware for after it is known who asks: what is wrong with a request is not for strangers to hear. A key
 * that is not understood must not be passed over where something is done; what reads or knows no such method needs none.
 */
export function refuseUnusableKey(request: Request, _response: Response, next: NextFunction): void {
  const isUnusable = mutates(request) && request.get('Idempotency-Key') !== undefined && !contextOf(request).idempotency.given;
  next(isUnusable ? unusableKey() : undefined);
}

function mutates({ method }: Request): boolean {
  return ['POST', 'PATCH', 'DELETE'].includes(method);
}

export function contextOf(request: Request): Known {
  return contexts.get(request) ?? { requestId: 'unknown', traceparent: '', idempotency: { key: '', given: false }, address: 'unknown' };
}

/** Method and route template; of a path that no route has, nothing but that is told. */
export function routeOf(request: Request): string {
  const route = request.route as { readonly path?: unknown } | undefined;
  return `${request.method} ${typeof route?.path === 'string' ? route.path : '(no route)'}`;
}

/** Remembers who asks, as soon as that is known: what is refused before any route is reached is somebody's, too. */
export function identify(request: Request, caller: Caller): void {
  identified.set(request, caller);
}

/** What a route asks for, as soon as one was reached. */
export function scopeOf(request: Request): Scope | undefined {
  return admitted.get(request)?.scope;
}

/** Remembers whom the guard let in, and by what. */
export function admit(request: Request, caller: Caller, scope: Scope): void {
  admitted.set(request, { caller, scope });
}

/** Who asks; undefined where nobody has to say who he is, and where that did not become known. */
export function callerOf(request: Request): Caller | undefined {
  return admitted.get(request)?.caller ?? identified.get(request);
}

/** Parameter decorator: the `RequestContext`. */
export const Context = createParamDecorator((_data: unknown, execution: ExecutionContext): RequestContext => {
  const request = execution.switchToHttp().getRequest<Request>();
  const response = execution.switchToHttp().getResponse<Response>();
  let gone: AbortSignal | undefined;
  return {
    ...contextOf(request),
    ...(admitted.get(request) ?? { caller: nobody, scope: undefined }),
    route: routeOf(request),
    parameters: request.params as Record<string, string>,
    ifMatch: request.get('If-Match'),
    // Made for who asks for it: most requests wait for nothing, and a signal that is aborted costs as much as a read.
    get gone() {
      return (gone ??= goneSignal(response));
    },
  };
});

/** The cause that a request's decisions carry. */
export function causeOf(context: RequestContext): Cause {
  return {
    actor: actorOf(context.caller),
    requestId: context.requestId,
    idempotencyKey: context.idempotency.key,
    source: context.address,
    ...(context.scope !== undefined && { scope: context.scope }),
    credential: context.caller.credential,
    traceparent: context.traceparent,
    correlationId: context.requestId,
  };
}

/** How the record names who asked: `user:<id>`, `service:<id>`, `worker:<id>`. */
export function actorOf({ type, id }: Pick<Caller, 'type' | 'id'>): string {
  return `${type}:${id}`;
}

/** Whoever asks a route that is open to all. */
const nobody: Caller = { id: 'nobody', type: 'user', name: 'nobody', org: platformOrg, scopes: new Set(), credential: 'none' };

function goneSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  if (response.closed) gone.abort();
  response.once('close', () => gone.abort());
  return gone.signal;
}

/** Our part of the trace that the client is in, or the first part of a new one. */
function ownPartOf(given: string | undefined): string {
  const { traceId, flags } = (given === undefined ? undefined : parseTraceparent(given)) ?? { traceId: mintTraceId(), flags: '00' };
  return traceparentOf({ traceId, spanId: mintSpanId(), flags });
}

/** These come into events and logs, so that a credential that somebody put there by mistake is not taken for one. */
function isPrintable(text: string, charactersMax: number): boolean {
  return text.length <= charactersMax && /^[\x21-\x7e]+$/.test(text) && !holdsCredential(text);
}

function unusableKey(): ApiProblem {
  const expected = `1 to ${idempotencyKeyCharactersMax} printable ASCII characters without spaces, and no credential`;
  const problem = problemAt(['Idempotency-Key'], expected, 'something else');
  return new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}
