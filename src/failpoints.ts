import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Named points in our own code where tests make things go wrong: at every boundary between an effect and its commit.
 * They are off, and cost one comparison, unless BERTH_FAILPOINTS names a directory: then each file `<name>.json` in it
 * is an armed `Failpoint`. One that strikes is renamed to `<name>.struck`, which only one process can do, so it strikes
 * once among all processes that share the directory, and a test sees that it did.
 */
export type FailpointName =
  /** An activity is about to run a step; subject `instances/<id>/<step>`. */
  | 'before-step'
  /** A decision is about to be sent to etcd, its effects outside are there; subject: the commit's id. */
  | 'before-commit'
  /** etcd has the decision, nobody was told; subject: the commit's id. */
  | 'after-commit'
  /** The agent has what is wanted on disk, and does it next; subject `instances/<id>/<attempt>/<start, stopped or absent>`. */
  | 'agent-before-effect'
  /** The agent has done it, its disk and the control plane do not know; subject as before. */
  | 'agent-after-effect'
  /** The control plane has the agent's observation, the agent does not know; subject `instances/<id>/<attempt>/<state>`. */
  | 'agent-after-report';

/** What is armed, and what it does to the process that comes by. */
export interface Failpoint {
  readonly point: FailpointName;
  /** A regular expression that the subject must match. */
  readonly subject: string;
  /** Strikes when a process comes by for this many-th time; 1 is the first. */
  readonly occurrence: number;
  /** Ends the process, freezes it, fails the call, or holds it until the struck file is gone. */
  readonly action: 'crash' | 'stop' | 'error' | 'hold';
}

/** Thrown where a failpoint says `error`. */
export class FailpointError extends Error {
  constructor(point: FailpointName, subject: string) {
    super(`failpoint ${point} at ${subject}`);
    this.name = 'FailpointError';
  }
}

/** Set to nothing is off as well. */
const directory = process.env['BERTH_FAILPOINTS'] || undefined;
const passed = new Map<string, number>();
const holdPollMs = 20;

/** Says that this point is reached. Resolves at once, but where a test has armed it. */
export async function failpoint(point: FailpointName, subject: string): Promise<void> {
  if (directory === undefined) return;
  for (const name of readdirSync(directory)) {
    if (!name.endsWith('.json')) continue;
    const path = join(directory, name);
    const armed = readArmed(path);
    if (armed?.point !== point || !new RegExp(armed.subject).test(subject)) continue;
    const count = (passed.get(name) ?? 0) + 1;
    passed.set(name, count);
    if (count < armed.occurrence) continue;
    const struck = path.replace(/json$/, 'struck');
    // One fault for one arrival: the next one armed here is for whoever comes next.
    if (claim(path, struck, subject)) return strike(armed, struck, subject);
  }
}

/** Undefined when it has struck elsewhere in the meantime. */
function readArmed(path: string): Failpoint | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Failpoint;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function claim(path: string, struck: string, subject: string): boolean {
  try {
    renameSync(path, struck);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  writeFileSync(struck, JSON.stringify({ subject, pid: process.pid }));
  return true;
}

async function strike({ action, point }: Failpoint, struck: string, subject: string): Promise<void> {
  switch (action) {
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'error':
      throw new FailpointError(point, subject);
    case 'hold':
      while (readArmed(struck) !== undefined) await sleep(holdPollMs);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
