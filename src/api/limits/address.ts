/**
 * What of an address counts as one client: IPv4 as a whole, of IPv6 the first half, since whoever has one address of a
 * network there has all of them.
 */
export function networkOf(address: string): string {
  // IPv4, also as servers that listen on both write it: `::ffff:192.0.2.1`.
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1);
  const [before = [], after] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = new Array<string>(after === undefined ? 0 : Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...(after ?? [])].slice(0, 4).join(':');
}
