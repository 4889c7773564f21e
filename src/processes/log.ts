import pino from 'pino';
import type { Logger } from 'pino';

/** Structured lines on standard output, each naming the process they are from. */
export function createLog(process: string, level: string): Logger {
  return pino({ level, base: { process }, redact: ['token', '*.token', 'authorization', '*.authorization', 'headers.authorization'] });
}
