import pino from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { redact } from '../domain/redaction';
import { logLevels } from './environment';

/** Members of what is logged that are credentials, whatever they look like. */
const secretNames = ['token', 'secret', 'password', 'authorization', 'cookie', '["set-cookie"]', 'accessToken', 'idToken', 'clientSecret'];
const secretPaths = secretNames.flatMap((name) => {
  const member = name.startsWith('[') ? name : `.${name}`;
  return [member.replace(/^\./, ''), `*${member}`, `headers${member}`, `*.headers${member}`];
});

/** Structured lines on standard output, each naming the process they are from. No credential comes into them, in whatever text it stands. */
export function createLog(process: string, wantedLevel: string | undefined, bindings: Readonly<Record<string, string>> = {}, destination?: DestinationStream): Logger {
  // A wrong level is told of with the other settings, by a log that works.
  const level = logLevels.find((known) => known === wantedLevel) ?? 'info';
  // The engine's own lines hold their error under `error`, ours under `err`: neither may lose its message.
  const serializers = { err: pino.stdSerializers.err, error: pino.stdSerializers.err };
  const options = { level, base: { process, ...bindings }, serializers, redact: secretPaths, hooks: { streamWrite: redact } };
  return destination ? pino(options, destination) : pino(options);
}
