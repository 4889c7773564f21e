import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processLogBytesMax, processStopGraceMs } from '../../domain/limits';
import { removePidFile, writePidFile } from './pid-files';

/** What to start, and where it keeps its log and pid file. */
export interface ChildOptions {
  name: string;
  command: string;
  args: readonly string[];
  /** The whole environment of the child. */
  env: NodeJS.ProcessEnv;
  /** The run's directory: the log goes to `logs/<name>.log`, the pid to `pids/<name>.json`. */
  directory: string;
  /** Told when the child ends without having been asked to. */
  report: (line: string) => void;
}

/** How a child ended. */
export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that we started. */
export interface Child {
  name: string;
  pid: number;
  logPath: string;
  /** Where in the log this start begins; earlier ones wrote before it. */
  logStart: number;
  /** Settles when the child has ended, however it did. */
  exited: Promise<ChildExit>;
  isRunning(): boolean;
  kill(signal: NodeJS.Signals): void;
  /** Asks the child to end and kills it when it takes longer than the grace. */
  stop(graceMs?: number): Promise<ChildExit>;
}

/** The command could not be started at all. */
export class ChildStartError extends Error {
  constructor(name: string, command: string, cause: unknown) {
    super(`${name} could not be started (${command}): ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'ChildStartError';
  }
}

const running = new Map<number, Child>();

/** Starts a process in the background with its output in a log and its identity on record. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { logPath, logStart } = prepareLog(options.directory, options.name);
  const log = openSync(logPath, 'a');
  // A process group of its own: Ctrl-C in the terminal is ours to handle, in the order that we choose.
  const spawned = spawn(options.command, options.args, {
    cwd: options.directory,
    env: options.env,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const { pid } = spawned;
  if (pid === undefined) {
    const cause = await new Promise((failed) => spawned.once('error', failed));
    throw new ChildStartError(options.name, options.command, cause);
  }
  const pidPath = writePidFile(options.directory, options.name, pid);

  let stopping = false;
  const exited = new Promise<ChildExit>((settle) => {
    spawned.once('exit', (code, signal) => {
      running.delete(pid);
      removePidFile(pidPath);
      const exit = { code, signal };
      if (!stopping) options.report(`${options.name} ended unexpectedly (${describeExit(exit)}), see ${logPath}`);
      settle(exit);
    });
  });
  const child: Child = {
    name: options.name,
    pid,
    logPath,
    logStart,
    exited,
    isRunning: () => spawned.exitCode === null && spawned.signalCode === null,
    kill: (signal) => {
      stopping = true;
      spawned.kill(signal);
    },
    stop: async (graceMs = processStopGraceMs) => {
      child.kill('SIGTERM');
      const late = new AbortController();
      const killLater = sleep(graceMs, undefined, { signal: late.signal, ref: false })
        .then(() => child.kill('SIGKILL'))
        .catch(() => undefined);
      const exit = await exited;
      late.abort();
      await killLater;
      return exit;
    },
  };
  killAllAtExit();
  running.set(pid, child);
  return child;
}

/** "code 1" or "SIGKILL". */
export function describeExit(exit: ChildExit): string {
  return exit.signal ?? `code ${exit.code}`;
}

function prepareLog(directory: string, name: string): { logPath: string; logStart: number } {
  const logPath = join(directory, 'logs', `${name}.log`);
  mkdirSync(join(directory, 'logs'), { recursive: true });
  const size = statSync(logPath, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= processLogBytesMax) return { logPath, logStart: size };
  renameSync(logPath, `${logPath}.old`);
  return { logPath, logStart: 0 };
}

let atExit = false;

/** If we end without stopping our children (an uncaught error), they end too; after a kill -9 the next start reaps. */
function killAllAtExit(): void {
  if (atExit) return;
  atExit = true;
  process.once('exit', () => running.forEach((child) => child.kill('SIGTERM')));
}
