import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, parseIdentity } from './process-identity';
import type { ProcessIdentity } from './process-identity';

/** A process on record in a run's directory. */
export interface PidFile extends ProcessIdentity {
  path: string;
}

/** How deep below a run's directory a `pids` directory is looked for. */
const pidDirectoryDepthMax = 5;

/** Records a running process as `<directory>/pids/<name>.json`, so that a later run can find and end it. */
export function writePidFile(directory: string, name: string, pid: number): string {
  const path = join(directory, 'pids', `${name}.json`);
  mkdirSync(join(directory, 'pids'), { recursive: true });
  const identity = identityOf(pid);
  if (identity === undefined) return path;
  writeFileSync(`${path}.new`, JSON.stringify(identity));
  renameSync(`${path}.new`, path);
  return path;
}

/** Forgets a process that has ended. */
export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}

/** Every process on record in the directory, those of its subdirectories (a host of ours has its own) included. */
export function listPidFiles(directory: string): PidFile[] {
  return pidDirectories(directory, pidDirectoryDepthMax).flatMap((pids) =>
    entries(pids)
      .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
      .flatMap((entry) => readPidFile(join(pids, entry.name))),
  );
}

function readPidFile(path: string): PidFile[] {
  try {
    const identity = parseIdentity(readFileSync(path, 'utf8'));
    return identity === undefined ? [] : [{ ...identity, path }];
  } catch {
    return [];
  }
}

function pidDirectories(directory: string, depth: number): string[] {
  return entries(directory)
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.name === 'pids') return [path];
      return depth === 0 ? [] : pidDirectories(path, depth - 1);
    });
}

function entries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
