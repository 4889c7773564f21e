import type { NextFunction, Request, Response } from 'express';
import { requestHeadersMax } from '../../domain/limits';
import { problemAt } from '../../domain/problem';
import { ApiProblem } from './problem';

/**
 * Headers that say one thing. Where one is there twice, Node takes the first or joins them, and whoever stands before
 * the server (a proxy that checks, an audit that records) may take the other.
 */
const single = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'if-match',
  'last-event-id',
  'origin',
  'traceparent',
  'x-request-id',
]);

/** Express middleware: refuses too many headers, those that contradict each other, and a request to no host. */
export function refuseUnclearHeaders({ rawHeaders, headers, httpVersion }: Request, _response: Response, next: NextFunction): void {
  if (rawHeaders.length > 2 * requestHeadersMax) return next(new ApiProblem('headers_too_large', `at most ${requestHeadersMax} headers are read`));
  if (headers.host === undefined && httpVersion !== '1.0') return next(headerProblem('one Host, the name of the server', 'none'));
  const repeated = repeatedIn(rawHeaders);
  next(repeated === undefined ? undefined : headerProblem(`one ${repeated}`, 'several'));
}

/** `rawHeaders` is names and values in turn, as they were sent. */
function repeatedIn(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return rawHeaders[index];
    seen.add(name);
  }
  return undefined;
}

/** Never as `name: what is wrong`, which after the name of a credential's header reads as a credential, and is redacted. */
function headerProblem(expected: string, found: string): ApiProblem {
  const problem = problemAt(['headers'], expected, found);
  return new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}
