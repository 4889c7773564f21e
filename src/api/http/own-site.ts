import type { NextFunction, Request, Response } from 'express';
import { isLoopback } from '../loopback';
import { ApiProblem } from './problem';

/**
 * Express middleware that refuses what a page of another site has a browser on this machine send. Loopback keeps out
 * other machines, not the browser: it sends acts without a body wherever a page says, and a name server can give the
 * page's own name the address of this machine, after which the page reads every answer. Agents, who bring a token, may come by any name.
 */
export function refuseOtherSites({ headers: { host, origin }, path }: Request, _response: Response, next: NextFunction): void {
  if (!path.startsWith('/api/v1/')) return next();
  const senders = [host === undefined ? undefined : `http://${host}`, origin].flatMap((each) => (each === undefined ? [] : [hostOf(each)]));
  const other = senders.find((sender) => !isLoopback(sender));
  next(other === undefined ? undefined : new ApiProblem('forbidden', `this API answers under loopback addresses only, to no page of ${JSON.stringify(other)}`));
}

/** The host of an origin; `null`, as the browser calls sites that it does not name, is none of ours. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : origin;
}
