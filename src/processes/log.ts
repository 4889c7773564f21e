import pino from 'pino';
import type { Logger } from 'pino';
import { logLevels } from './environment';

/** Structured lines on standard output, each naming the process they are from. */
export function createLog(process: string, wantedLevel: string | undefined): Logger {
  // A wrong level is told of with the other settings, by a log that works.
  const level = logLevels.find((known) => known === wantedLevel) ?? 'info';
  return pino({ level, base: { process }, redact: ['token', '*.token', 'authorization', '*.authorization', 'headers.authorization'] });
}
