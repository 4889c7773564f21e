import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express';

/**
 * One middleware of several that follow each other. Express looks for each of its own whether the path is one for it, which
 * for as many as stand before every request costs more than what they do. What one of them throws is an error that it hands
 * on, also when another one before it answered later: nobody else would catch it then.
 */
export function chained(...handlers: ReadonlyArray<RequestHandler | ErrorRequestHandler>): RequestHandler {
  return (request: Request, response: Response, done: NextFunction): void => {
    const run = (index: number, error: unknown): void => {
      const handler = handlers[index];
      if (handler === undefined) return done(error);
      // As with Express: whoever takes four parameters is for errors, and nobody else is.
      const isForErrors = handler.length === 4;
      if (isForErrors !== (error !== undefined)) return run(index + 1, error);
      let hasGoneOn = false;
      const next: NextFunction = (failure?: unknown) => {
        hasGoneOn = true;
        run(index + 1, failure);
      };
      try {
        if (isForErrors) (handler as ErrorRequestHandler)(error, request, response, next);
        else (handler as RequestHandler)(request, response, next);
      } catch (thrown) {
        // Those that follow had their turn when it had gone on already, and must not have another.
        if (hasGoneOn) done(thrown);
        else next(thrown);
      }
    };
    run(0, undefined);
  };
}
