import { isIP } from 'node:net';

/** The API is asked to listen where others can reach it, while it cannot tell who they are. */
export class NotLoopbackError extends Error {
  constructor(host: string) {
    super(`the API listens on loopback only (127.0.0.1, ::1 or localhost) until it can authenticate; ${JSON.stringify(host)} is not loopback`);
    this.name = 'NotLoopbackError';
  }
}

/** Refuses every address that is not this machine's own. An empty host would mean all of them. */
export function assertLoopback(host: string): void {
  if (!isLoopback(host)) throw new NotLoopbackError(host);
}

/** Whether a host is this machine by its own name or address, whatever some name server says. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}
