import type { Logger } from 'pino';

/** What a process runs, and how it ends. */
export interface Running {
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Settles when it ends by itself; a rejection ends the process with an error. */
  readonly ended?: Promise<void>;
}

/** How long an orderly end may take before the process ends all the same. */
const stopTimeoutMs = 20_000;

/**
 * Runs a process until SIGTERM or SIGINT, then stops it in order. A failure at start or later is logged with its
 * cause and ends the process with code 1.
 */
export function runProcess(name: string, log: Logger, start: () => Promise<Running>): void {
  let stopping = false;
  const fail = (error: unknown): void => {
    log.fatal({ err: error }, `${name} failed`);
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  start().then((running) => {
    const stop = (signal: string): void => {
      if (stopping) return;
      stopping = true;
      log.info(`${name} stops on ${signal}`);
      setTimeout(() => fail(new Error(`did not stop within ${stopTimeoutMs} ms`)), stopTimeoutMs).unref();
      running.stop().then(() => process.exit(0), fail);
    };
    process.on('SIGTERM', () => stop('SIGTERM'));
    process.on('SIGINT', () => stop('SIGINT'));
    running.ended?.then(() => {
      if (!stopping) fail(new Error(`${name} ended by itself`));
    }, fail);
  }, fail);
}
