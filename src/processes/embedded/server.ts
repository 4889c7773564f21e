import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePortAttemptsMax, serverReadyTimeoutMs } from '../../domain/limits';
import { describeExit, startChild } from './child';
import type { Child, ChildExit } from './child';

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
const logTailBytes = 4_096;
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
  const logStart = child.logStart;
  const given = new AbortController();
  try {
    const exit = await Promise.race([child.exited, untilAnswer(plan, ports, given.signal)]);
    if (exit !== undefined) throw ended(plan.name, exit, child.logPath, logStart);
    ready = true;
    return child;
  } catch (error) {
    child.kill('SIGKILL');
    await child.exited;
    if (error instanceof ServerStartError) throw error;
    throw new ServerStartError(plan.name, error instanceof Error ? error.message : String(error), child.logPath, error);
  } finally {
    given.abort();
  }
}

async function untilAnswer(plan: ServerPlan, ports: readonly number[], signal: AbortSignal): Promise<undefined> {
  const deadline = Date.now() + serverReadyTimeoutMs;
  for (;;) {
    try {
      await plan.probe(ports);
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (Date.now() >= deadline) {
        throw new Error(`no answer within ${serverReadyTimeoutMs / 1000} s (${String(error)})`, { cause: error });
      }
    }
    await sleep(probeIntervalMs);
  }
}

function ended(name: string, exit: ChildExit, logPath: string, logStart: number): ServerStartError {
  const said = readLogTail(logPath, logStart);
  const reason = `it ended with ${describeExit(exit)}` + (said === '' ? '' : ` and said: ${said}`);
  return new ServerStartError(name, reason, logPath);
}

/** The last words of this start; what earlier ones wrote into the same log does not count. */
function readLogTail(logPath: string, logStart: number): string {
  const size = statSync(logPath).size;
  const from = Math.max(logStart, size - logTailBytes);
  const buffer = Buffer.alloc(size - from);
  const log = openSync(logPath, 'r');
  readSync(log, buffer, 0, buffer.length, from);
  closeSync(log);
  return buffer.toString('utf8').trim();
}

/** Ports that nobody listens on; all are held until each is known, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(
    Array.from({ length: count }, async () => {
      const holder = createServer();
      await new Promise<void>((listening, fail) => {
        holder.once('error', fail).listen(0, '127.0.0.1', listening);
      });
      return holder;
    }),
  );
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  return ports;
}

/** Only what a server needs: etcd, for one, refuses to start beside ETCD_ variables that its flags contradict. */
function basicEnvironment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG, TZ } = process.env;
  return { PATH, HOME, TMPDIR, LANG, TZ };
}

/** Rejects unless somebody accepts connections there. */
export async function probeTcp(port: number): Promise<void> {
  await new Promise<void>((accepted, fail) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', fail).once('connect', () => {
      socket.destroy();
      accepted();
    });
  });
}

/** Rejects unless the address answers with success; the body is the answer. */
export async function probeHttp(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${body.slice(0, 200)}`);
  return body;
}
