import type { Request } from 'express';

/** Whether a client would rather have a stream than a page. */
export function asksForStream(request: Request): boolean {
  return request.accepts(['application/json', 'text/event-stream']) === 'text/event-stream';
}
