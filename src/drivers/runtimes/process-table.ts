import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from './error-code';

/**
 * A process, known again after a restart of whoever started it. The pid alone is not enough: it is given to
 * another process once this one is gone, and a stranger must never be adopted or killed.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: when the process started, and on Linux in which boot. */
  readonly startTime: string;
}

interface ProcessEntry {
  readonly pid: number;
  readonly startTime: string;
  readonly group: number;
  /** Ended, and not yet collected by its parent. In a container without an init process that may be forever. */
  readonly isZombie: boolean;
}

const isLinux = process.platform === 'linux';

/** The identity of a process that was just started by the caller. Also of one that has ended already, until it is collected. */
export function identify(pid: number): ProcessIdentity | undefined {
  const entry = read(pid);
  return entry && { pid, startTime: entry.startTime };
}

/** Whether this very process still runs. */
export function isAlive(identity: ProcessIdentity): boolean {
  const entry = read(identity.pid);
  return entry !== undefined && !entry.isZombie && entry.startTime === identity.startTime;
}

/** Whether anything of a process group still runs. */
export function isGroupAlive(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  const leader = read(group);
  if (leader && !leader.isZombie) return true;
  // A signal reaches zombies too, so only the table of processes says whether anyone is left.
  return isLinux ? membersOf(group).length > 0 : true;
}

/** Processes of a group that still run. Linux only; elsewhere empty. */
export function membersOf(group: number): readonly number[] {
  return pids().filter((pid) => {
    const entry = read(pid);
    return entry?.group === group && !entry.isZombie;
  });
}

/** Processes that still run and have an environment variable, set for them or for a parent, with such a value. Linux only. */
export function findByEnvironment(name: string, isMeant: (value: string) => boolean): readonly number[] {
  const start = `${name}=`;
  return pids().filter((pid) => {
    const environment = readText(`/proc/${pid}/environ`);
    const variable = environment?.split('\0').find((each) => each.startsWith(start));
    return variable !== undefined && isMeant(variable.slice(start.length)) && !read(pid)?.isZombie;
  });
}

/** Signals every process of a group; false if there is none. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  return signalProcess(-group, signal);
}

/** Signals a process; false if it is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false;
    // EPERM: it is there, but has become another user's.
    if (signal === 0) return true;
    throw error;
  }
}

function read(pid: number): ProcessEntry | undefined {
  return isLinux ? readFromProc(pid) : readFromPs(pid);
}

function readFromProc(pid: number): ProcessEntry | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold anything, parentheses and spaces included. Fields are numbered as in proc(5).
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): string => afterName[number - 3] ?? '';
  return {
    pid,
    startTime: `${bootId()}/${field(22)}`,
    group: Number(field(5)),
    isZombie: field(3) === 'Z' || field(3) === 'X',
  };
}

function readFromPs(pid: number): ProcessEntry | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'pgid=,stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const [group, state, ...startTime] = (stdout ?? '').trim().split(/\s+/);
  if (!group || !state) return undefined;
  return { pid, startTime: startTime.join(' '), group: Number(group), isZombie: state.startsWith('Z') };
}

function pids(): readonly number[] {
  if (!isLinux) return [];
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

let knownBootId: string | undefined;

/** Start times count from the boot, so two boots could show the same one. */
function bootId(): string {
  knownBootId ??= readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return knownBootId;
}

/** Undefined if the process is gone, or not ours to read. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
