import { setTimeout as sleep } from 'node:timers/promises';
import { processKillTimeoutMs, processStopGraceMs } from '../../domain/limits';
import { isAlive } from './process-identity';
import { listPidFiles, removePidFile } from './pid-files';
import type { PidFile } from './pid-files';

const reapPollMs = 50;

/**
 * Ends whatever a dead run left running in this directory. A process is found by pid and start time,
 * never by name: another one that has got the pid since is left alone.
 * Answers how many there were.
 */
export async function reapProcesses(
  directory: string,
  report: (line: string) => void,
  graceMs = processStopGraceMs,
): Promise<number> {
  const files = listPidFiles(directory);
  const left = files.filter(isAlive);
  for (const file of left) report(`ending process ${file.pid}, left behind by an earlier run (${file.path})`);
  left.forEach((file) => signal(file, 'SIGTERM'));
  if (!(await ended(left, graceMs))) {
    left.filter(isAlive).forEach((file) => signal(file, 'SIGKILL'));
    await ended(left, processKillTimeoutMs);
  }
  const immortal = left.find(isAlive);
  if (immortal !== undefined) {
    throw new Error(`process ${immortal.pid}, left behind by an earlier run (${immortal.path}), cannot be ended`);
  }
  files.forEach((file) => removePidFile(file.path));
  return left.length;
}

function signal(file: PidFile, name: NodeJS.Signals): void {
  try {
    process.kill(file.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function ended(files: readonly PidFile[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (files.some(isAlive)) {
    if (Date.now() >= deadline) return false;
    await sleep(reapPollMs);
  }
  return true;
}
