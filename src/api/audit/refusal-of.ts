import type { Request } from 'express';
import { kinds } from '../../domain/kinds';
import type { Kind } from '../../domain/header';
import { platformOrg } from '../../domain/header';
import type { Refusal } from '../../domain/refusals';
import { isoTime } from '../../domain/status';
import { traceIdOf } from '../../domain/trace-context';
import { bearerTokenOf } from '../http/bearer';
import { parseToken } from '../../token-secret';
import { actorOf, callerOf, contextOf, routeOf, scopeOf } from '../http/context';
import type { ApiProblem } from '../http/problem';

/** A path as its route knows it. */
export interface MatchedPath {
  /** Such as `/api/v1/instances/:id`. */
  readonly template: string;
  readonly id?: string;
}

/** Told whoever asks, and whatever is asked for. */
const alwaysTold: ReadonlySet<number> = new Set([401, 403, 429]);
const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Says of a mutation that was done that its outcome will not be what was waited for. */
const notRefused: ReadonlySet<string> = new Set(['wait_impossible']);

/**
 * What the audit tells of a problem; undefined for one that is no refusal. Refusals are
 * - every 401, 403 and 429;
 * - every other 4xx of a request that would have changed something, when it is known who sent it;
 * - every 404 of an object that a request names, when it is known who sent it: who looks for what is not theirs is told
 *   what is not there, and nothing in the audit may tell the two apart either.
 * What agents are answered is their protocol, and told only where their token was not good.
 */
export function refusalOf(request: Request, problem: ApiProblem, nowMs: number, match: (path: string) => MatchedPath | undefined): Refusal | undefined {
  const caller = callerOf(request);
  const { status, code } = problem;
  if (!alwaysTold.has(status) && (caller === undefined || caller.type === 'worker' || notRefused.has(code) || !isRefusal(request, status))) return undefined;
  const { requestId, traceparent, address } = contextOf(request);
  const matched = match(request.path);
  const traceId = traceIdOf(traceparent);
  const credential = caller?.credential ?? claimedCredential(request);
  const scope = scopeOf(request);
  return {
    time: isoTime(nowMs),
    ...(caller && { principal: actorOf(caller) }),
    type: caller?.type ?? 'unknown',
    address,
    org: caller?.org ?? platformOrg,
    ...(credential !== undefined && { credential }),
    ...(scope !== undefined && { scope }),
    // Who is not let in comes to no route, but asked for one.
    route: matched ? `${request.method} ${matched.template}` : routeOf(request),
    ...(matched?.id !== undefined && { object: objectOf(matched.template, matched.id) }),
    requestId,
    ...(traceId !== undefined && { traceId }),
    code,
    status,
  };
}

function isRefusal({ method, params }: Request, status: number): boolean {
  if (status < 400 || status >= 500) return false;
  return !reading.has(method) || (status === 404 && params?.['id'] !== undefined);
}

/** The id that a token gives itself: no proof of anything, but what its owner looks for when it was stolen or has expired. */
function claimedCredential(request: Request): string | undefined {
  const token = bearerTokenOf(request.get('Authorization'));
  return token === undefined ? undefined : parseToken(token)?.id;
}

/** Collections as paths have them; that of templates has a longer name there. */
function objectOf(template: string, id: string): { kind?: Kind; id: string } {
  const [, collection = ''] = /^\/api\/(?:internal\/)?v1\/([a-z-]+)\/:id/.exec(template) ?? [];
  const kind = (Object.keys(kinds) as Kind[]).find((each) => kinds[each].collection === collection.replace(/^worker-templates$/, 'templates'));
  return { ...(kind && { kind }), id };
}
