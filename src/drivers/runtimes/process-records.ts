import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathSegment, processesDirectory } from './host-directory';
import type { ProcessIdentity } from './process-table';

/** The process of one component, written right after its start. It leads a process group of its own. */
export interface ProcessRecord extends ProcessIdentity {
  readonly component: string;
  readonly attempt: number;
}

/**
 * Which processes were started for which instance, on disk, so that whoever comes after a killed agent finds them.
 * Synchronous, to leave no time between a start and its record; not flushed, since a power cut ends the processes too.
 */
export class ProcessRecords {
  private readonly root: string;

  constructor(agentDirectory: string) {
    this.root = processesDirectory(agentDirectory);
  }

  write(instanceId: string, record: ProcessRecord): void {
    const file = this.file(instanceId, record.component);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
  }

  read(instanceId: string, component: string): ProcessRecord | undefined {
    return parse(this.file(instanceId, component));
  }

  remove(instanceId: string, component: string): void {
    rmSync(this.file(instanceId, component), { force: true });
    // The last record takes the directory with it: nothing of an instance stays on its host.
    if (entriesOf(this.directory(instanceId)).length === 0) this.removeAll(instanceId);
  }

  removeAll(instanceId: string): void {
    rmSync(this.directory(instanceId), { recursive: true, force: true });
  }

  /** All records of an instance. */
  list(instanceId: string): readonly ProcessRecord[] {
    const directory = this.directory(instanceId);
    return entriesOf(directory)
      .filter((name) => name.endsWith('.json'))
      .map((name) => parse(path.join(directory, name)))
      .filter((record) => record !== undefined);
  }

  /** Instances of which there may be records. */
  instances(): readonly string[] {
    return entriesOf(this.root);
  }

  private directory(instanceId: string): string {
    return path.join(this.root, pathSegment(instanceId));
  }

  private file(instanceId: string, component: string): string {
    return path.join(this.directory(instanceId), `${pathSegment(component)}.json`);
  }
}

/** Undefined for what is missing, was cut short by a crash, or names no process that could be ours to signal. */
function parse(file: string): ProcessRecord | undefined {
  let record: Partial<ProcessRecord>;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessRecord>;
  } catch {
    return undefined;
  }
  const { pid, startTime, component, attempt } = record;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 1) return undefined;
  if (typeof startTime !== 'string' || typeof component !== 'string' || typeof attempt !== 'number') return undefined;
  return { pid, startTime, component, attempt };
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
