import pino from 'pino';
import type { Logger } from 'pino';
import { logLevels } from './environment';

/** Structured lines on standard output, each naming the process they are from. */
export function createLog(process: string, wantedLevel: string | undefined): Logger {
  // A wrong level is told of with the other settings, by a log that works.
  const level = logLevels.find((known) => known === wantedLevel) ?? 'info';
  // The engine's own lines hold their error under `error`, ours under `err`: neither may lose its message.
  const serializers = { err: pino.stdSerializers.err, error: pino.stdSerializers.err };
  return pino({ level, base: { process }, serializers, redact: ['token', '*.token', 'authorization', '*.authorization', 'headers.authorization'] });
}
