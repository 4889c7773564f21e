import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express';

/**
 * One middleware of several that follow each other. Express looks for each of its own whether the path is one for it, which
 * for as many as stand before every request costs more than what they do.
 */
export function chained(...handlers: ReadonlyArray<RequestHandler | ErrorRequestHandler>): RequestHandler {
  return (request: Request, response: Response, done: NextFunction): void => {
    const run = (index: number, error: unknown): void => {
      const handler = handlers[index];
      if (handler === undefined) return done(error);
      const next: NextFunction = (failure?: unknown) => run(index + 1, failure);
      // As with Express: whoever takes four parameters is for errors, and nobody else is.
      if (handler.length === 4) {
        if (error === undefined) return next();
        return void (handler as ErrorRequestHandler)(error, request, response, next);
      }
      if (error !== undefined) return next(error);
      return void (handler as RequestHandler)(request, response, next);
    };
    run(0, undefined);
  };
}
