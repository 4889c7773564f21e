import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePortAttemptsMax, serverReadyTimeoutMs } from '../../domain/limits';
import { describeExit, startChild } from './child';
import type { Child, ChildExit } from './child';
import { freePorts } from './probes';

/** Where one server keeps its data, and how. */
export interface ServerOptions {
  /** The run's directory. */
  directory: string;
  binary: string;
  report: (line: string) => void;
  /** A port to serve on; free ones are chosen when it is left out. */
  port?: number;
  /** Faster, and a crash of the machine loses data: for throw-away data only. */
  unsafeNoFsync?: boolean;
  readyTimeoutMs?: number;
}

/** A server that answers. */
export interface RunningServer {
  address: string;
  child: Child;
}

/** What differs between servers. */
export interface ServerPlan {
  name: string;
  /** How many ports it takes; the first is the one it serves on. */
  ports: number;
  args: (ports: readonly number[]) => string[];
  /** Settles when the server really answers, rejects while it does not. */
  probe: (ports: readonly number[]) => Promise<void>;
  /** Its own settings, beside the few variables that every server gets. */
  env?: NodeJS.ProcessEnv;
}

/** A server did not get ready; the message names it, the reason and its log. */
export class ServerStartError extends Error {
  constructor(
    readonly server: string,
    readonly reason: string,
    readonly logPath: string,
    cause?: unknown,
  ) {
    super(`${server} did not start: ${reason}; its log is ${logPath}`, { cause });
    this.name = 'ServerStartError';
  }
}

const probeIntervalMs = 50;
const logTailBytes = 2_048;
const portTaken = /address already in use|can't set .*port/i;

/** Starts a server and waits until it answers. */
export async function startServer(
  plan: ServerPlan,
  options: ServerOptions,
): Promise<{ child: Child; ports: readonly number[] }> {
  for (let attempt = 1; ; attempt++) {
    const ports = await freePorts(plan.ports);
    if (options.port !== undefined) ports[0] = options.port;
    try {
      return { child: await startOnce(plan, options, ports), ports };
    } catch (error) {
      // Between our look at a free port and the server's, somebody else may have taken it.
      const retry = error instanceof ServerStartError && portTaken.test(error.reason) && options.port === undefined;
      if (!retry || attempt >= freePortAttemptsMax) throw error;
      options.report(`${plan.name}: a port was taken by somebody else, trying others`);
    }
  }
}

async function startOnce(plan: ServerPlan, options: ServerOptions, ports: readonly number[]): Promise<Child> {
  let ready = false;
  const child = await startChild({
    name: plan.name,
    command: options.binary,
    args: plan.args(ports),
    env: { ...basicEnvironment(), ...plan.env },
    directory: options.directory,
    report: (line) => ready && options.report(line),
  });
  const abandoned = new AbortController();
  try {
    const timeoutMs = options.readyTimeoutMs ?? serverReadyTimeoutMs;
    await Promise.race([child.exited, untilAnswer(plan, ports, abandoned.signal, timeoutMs)]);
    // An answer counts only while the child runs: on a port that was taken, it came from somebody else.
    if (!child.isRunning()) throw ended(child, await child.exited);
    ready = true;
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    await child.exited;
    if (error instanceof ServerStartError) throw error;
    throw new ServerStartError(plan.name, error instanceof Error ? error.message : String(error), child.logPath, error);
  } finally {
    abandoned.abort();
  }
}

async function untilAnswer(
  plan: ServerPlan,
  ports: readonly number[],
  abandoned: AbortSignal,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await plan.probe(ports);
      return;
    } catch (error) {
      if (abandoned.aborted) return;
      if (Date.now() >= deadline) {
        throw new Error(`no answer within ${timeoutMs / 1000} s (${String(error)})`, { cause: error });
      }
    }
    await sleep(probeIntervalMs);
  }
}

function ended(child: Child, exit: ChildExit): ServerStartError {
  const said = readLogTail(child);
  const reason = `it ended with ${describeExit(exit)}` + (said === '' ? '' : ` and said: ${said}`);
  return new ServerStartError(child.name, reason, child.logPath);
}

/** The last words of this start; what earlier ones wrote into the same log does not count. */
function readLogTail({ logPath, logStart }: Child): string {
  const size = statSync(logPath).size;
  const from = Math.max(logStart, size - logTailBytes);
  const buffer = Buffer.alloc(size - from);
  const log = openSync(logPath, 'r');
  readSync(log, buffer, 0, buffer.length, from);
  closeSync(log);
  return buffer.toString('utf8').trim();
}

/** Only what a server needs: etcd, for one, refuses to start beside ETCD_ variables that its flags contradict. */
function basicEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG, TZ } = process.env;
  return { PATH, HOME, TMPDIR, LANG, TZ };
}
