import { isIP } from 'node:net';

/** Whether a host is this machine by its own name or address, whatever some name server says. An empty one would mean all of them. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}
