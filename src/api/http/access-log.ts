import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { traceIdOf } from '../../domain/trace-context';
import { actorOf, callerOf, contextOf, routeOf } from './context';

/** The ids of a request, for every line that is written on its behalf. */
export function loggedRequest({ requestId, traceparent }: { readonly requestId: string; readonly traceparent: string }): object {
  return { requestId, traceId: traceIdOf(traceparent) };
}

/**
 * Express middleware: one line for each request, once it is over. What changes something, and what is refused, is told in
 * the log as it is kept; the rest when somebody looks closely. Of a request its template is told and neither parameters nor
 * query: clients put into them what they should not.
 */
export function accessLog(log: Logger): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    const startedMs = performance.now();
    response.once('close', () => {
      const told = isTold(request, response);
      if (!told && !log.isLevelEnabled('debug')) return;
      const caller = callerOf(request);
      const line = {
        ...loggedRequest(contextOf(request)),
        route: routeOf(request),
        // A client that went before it was answered has seen no status.
        ...(response.writableFinished ? { status: response.statusCode } : { cut: true }),
        durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
        ...(caller && { caller: actorOf(caller), org: caller.org }),
      };
      if (told) log.info(line, 'request');
      else log.debug(line, 'request');
    });
    next();
  };
}

/** Agents say all the time how they are; that is no more news than a read. */
function isTold({ method, path }: Request, { statusCode }: Response): boolean {
  return statusCode >= 400 || (!['GET', 'HEAD', 'OPTIONS'].includes(method) && !path.startsWith('/api/internal/'));
}
