import { lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { failedRunKeepMs } from '../../domain/limits';
import { LocalProvider } from '../../drivers/providers/local';
import { claimOwnership, releaseOwnership } from './owner-file';
import { identityOf } from './process-identity';
import { reapProcesses } from './reap';

/** A directory that belongs to one running process: data, logs and pid files of all that it starts. */
export interface RunDirectory {
  path: string;
  /** Deletes the directory. */
  remove(): void;
  /** Leaves the directory to be read by a person (a day at least), for instance its logs after a failure. */
  keep(): void;
  /** Gives it up with its content, for the next run to take over. */
  release(): void;
}

/** The directory is in use by another process. */
export class DirectoryInUseError extends Error {
  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(`${directory} is in use by process ${pid}; stop that one first`);
    this.name = 'DirectoryInUseError';
  }
}

/** Where a run keeps the workers of the local provider. */
export function workersDirectoryOf(runDirectory: string): string {
  return join(runDirectory, 'workers');
}

const ownerFile = 'owner.json';
const keepFile = 'keep';

/** A new directory for a run whose data nobody needs afterwards (a demo, a test). First ends what dead runs left. */
export async function createRunDirectory(
  purpose: string,
  report: (line: string) => void,
  temporaryDirectory = tmpdir(),
): Promise<RunDirectory> {
  const root = privateRoot(temporaryDirectory);
  await reapDeadRuns(root, report);
  // Made under another name first: a run's directory never exists without its owner.
  const making = mkdtempSync(join(root, `making-${process.pid}-`));
  claimOwnership(join(making, ownerFile));
  const path = join(root, basename(making).replace('making-', `run-${purpose}-`));
  renameSync(making, path);
  return runDirectory(path);
}

/** Makes a lasting directory the calling process's own, and ends what an earlier, dead owner left running there. */
export async function claimRunDirectory(path: string, report: (line: string) => void): Promise<RunDirectory> {
  mkdirSync(path, { recursive: true });
  const owner = claimOwnership(join(path, ownerFile));
  if (owner !== undefined) throw new DirectoryInUseError(path, owner.pid);
  await reapProcesses(path, report);
  return runDirectory(path);
}

function runDirectory(path: string): RunDirectory {
  return {
    path,
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
    keep: () => writeFileSync(join(path, keepFile), ''),
    release: () => releaseOwnership(join(path, ownerFile)),
  };
}

/** The place of all temporary runs of this user; refused when somebody else could have made or could change it. */
function privateRoot(temporaryDirectory: string): string {
  const uid = process.getuid?.() ?? 0;
  const root = join(temporaryDirectory, `berth-${uid}`);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const found = lstatSync(root);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new Error(`${root} must be a directory of your own that nobody else can write to; remove it or set TMPDIR`);
  }
  return root;
}

async function reapDeadRuns(root: string, report: (line: string) => void): Promise<void> {
  for (const name of readdirSync(root)) {
    const path = join(root, name);
    const maker = /^making-(\d+)-/.exec(name)?.[1];
    if (maker !== undefined && identityOf(Number(maker)) !== undefined) continue;
    // Owning the dead run while clearing it away keeps a second start from doing the same at once.
    if (!claimIfDead(path)) continue;
    try {
      await clearAway(path, report);
    } catch (error) {
      // It stands in nobody's way; the next start tries again.
      report(`could not clear away ${path}, left behind by an earlier run: ${String(error)}`);
      releaseOwnership(join(path, ownerFile));
    }
  }
}

function claimIfDead(path: string): boolean {
  try {
    return claimOwnership(join(path, ownerFile)) === undefined;
  } catch {
    return false; // Somebody else has just deleted it.
  }
}

async function clearAway(path: string, report: (line: string) => void): Promise<void> {
  // The control processes first: they would start agents again.
  await reapProcesses(path, report);
  await stopLocalWorkers(path);
  if (isKept(path)) releaseOwnership(join(path, ownerFile));
  else rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/** Agents and instances outlive who started them, by design; those of a run whose data goes have to go too. */
async function stopLocalWorkers(path: string): Promise<void> {
  const unused = { apiUrl: '', agentEntry: '', address: '' };
  await new LocalProvider({ ...unused, root: workersDirectoryOf(path) }).stopAll();
}

function isKept(path: string): boolean {
  const kept = statSync(join(path, keepFile), { throwIfNoEntry: false });
  return kept !== undefined && Date.now() - kept.mtimeMs < failedRunKeepMs;
}
