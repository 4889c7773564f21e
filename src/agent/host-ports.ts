import { readFileSync } from 'node:fs';
import type { PortRange } from '../domain/worker';

/**
 * Ports of a range on which somebody listens on this host, ascending. Linux tells; elsewhere the answer is empty,
 * and a taken port is found when a start fails on it.
 */
export function listeningPorts(range: PortRange): readonly number[] {
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map(readTable);
  const ports = new Set(tables.flatMap(parseListeningPorts).filter((port) => port >= range.from && port <= range.to));
  return [...ports].sort((a, b) => a - b);
}

/** Reads a table as in proc(5): a line per socket with `sl local_address rem_address st …`, numbers in hexadecimal. */
export function parseListeningPorts(table: string): readonly number[] {
  const listen = '0A';
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === listen)
    .map(([, localAddress = '']) => Number.parseInt(localAddress.slice(localAddress.lastIndexOf(':') + 1), 16))
    .filter(Number.isInteger);
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
