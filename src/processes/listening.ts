import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:https';
import type { Logger } from 'pino';
import { isLoopback } from '../api/loopback';
import { plaintextWarningIntervalMs } from '../domain/limits';

/** Where the certificate of the API and its key are, as PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface ListeningSettings {
  /** Left out: the API speaks plain HTTP. */
  readonly tls?: TlsFiles;
  /** Whoever set it wants tokens to travel in the clear beyond this machine, behind what secures them, one hopes. */
  readonly allowPlaintext: boolean;
}

/** The certificate and its key, read anew each time. Throws when they cannot be read, or do not belong together. */
export function readTls({ certFile, keyFile }: TlsFiles): { readonly cert: Buffer; readonly key: Buffer } {
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error(`${keyFile} is not the key of the certificate in ${certFile}`);
  return { cert, key };
}

/** Reads how the API is to listen. What would let others listen in is a problem, unless it was chosen in so many words. */
export function listeningOf(environment: NodeJS.ProcessEnv, apiHost: string, problems: string[]): ListeningSettings {
  const [certFile, keyFile] = [environment['BERTH_TLS_CERT_FILE']?.trim(), environment['BERTH_TLS_KEY_FILE']?.trim()];
  const choice = environment['BERTH_ALLOW_PLAINTEXT']?.trim() || 'false';
  if (!['true', 'false'].includes(choice)) problems.push(`BERTH_ALLOW_PLAINTEXT is ${JSON.stringify(choice)}, expected true or false`);
  const allowPlaintext = choice === 'true';
  if (!certFile !== !keyFile) problems.push('BERTH_TLS_CERT_FILE and BERTH_TLS_KEY_FILE go together');
  const tls = certFile && keyFile ? { certFile, keyFile } : undefined;
  try {
    if (tls) readTls(tls);
  } catch (error) {
    problems.push(`the certificate of BERTH_TLS_CERT_FILE cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!certFile && !isLoopback(apiHost) && !allowPlaintext) {
    problems.push(`BERTH_API_HOST is ${JSON.stringify(apiHost)}, which others reach, and tokens would travel in the clear: set BERTH_TLS_CERT_FILE and BERTH_TLS_KEY_FILE, or BERTH_ALLOW_PLAINTEXT=true where something else secures the way`);
  }
  return { ...(tls && { tls }), allowPlaintext };
}

/** Takes up a renewed certificate on SIGHUP; one that cannot be used leaves the present one where it is. Answers how to stop. */
export function renewOnHangup(server: Pick<Server, 'setSecureContext'>, files: TlsFiles, log: Logger): () => void {
  const renew = () => {
    try {
      server.setSecureContext(readTls(files));
      log.info('the certificate of the API was read anew');
    } catch (err) {
      log.error({ err }, 'the certificate of the API cannot be used, the former one stays');
    }
  };
  process.on('SIGHUP', renew);
  return () => void process.off('SIGHUP', renew);
}

/** Says so for as long as tokens travel in the clear beyond this machine: what was chosen once is forgotten. Answers how to stop. */
export function warnOfPlaintext(host: string, { tls }: ListeningSettings, log: Logger): () => void {
  if (tls !== undefined || isLoopback(host)) return () => undefined;
  const warn = () => log.warn(`the API listens on ${host} WITHOUT TLS, since BERTH_ALLOW_PLAINTEXT is set: whoever is on the way reads every token and every answer`);
  warn();
  const timer = setInterval(warn, plaintextWarningIntervalMs).unref();
  return () => clearInterval(timer);
}
