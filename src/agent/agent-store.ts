import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Observation, PlannedEntry } from '../domain/plan';
import { pathSegment } from '../drivers/runtimes/host-directory';
import { writeFileAtomically } from './atomic-file';
import { errorCode } from '../drivers/runtimes/error-code';

/** How an attempt ended, or that it was stopped: what is observed of an allocation of which nothing runs. */
export type Outcome = Pick<Observation, 'attempt' | 'components' | 'failure'> & {
  readonly state: 'failed' | 'exited' | 'stopped' | 'absent';
};

/** What an agent must know of an allocation after its own restart. */
export interface AllocationRecord {
  readonly schemaVersion: 1;
  /** The newest entry that was acted on. */
  readonly entry: PlannedEntry;
  /** No attempt up to this one is ever started: it was started before, or stopped. */
  readonly floor: number;
  /** The attempt of which something may run; gone once nothing does. */
  readonly live?: { readonly attempt: number; readonly workloadHash: string; readonly isReady: boolean };
  readonly outcome?: Outcome;
}

const recordSchemaVersion = 1;

/**
 * The agent's own part of its directory: a file for each allocation and each workload document.
 * Writes of one file must not overlap; each allocation is served serially.
 */
export class AgentStore {
  constructor(readonly directory: string) {}

  async open(): Promise<void> {
    for (const name of ['plan', 'workloads', 'instances']) {
      await mkdir(path.join(this.directory, name), { recursive: true, mode: 0o700 });
    }
  }

  async loadRecords(): Promise<readonly AllocationRecord[]> {
    const records: AllocationRecord[] = [];
    for (const name of await readdir(path.join(this.directory, 'plan'))) {
      if (!name.endsWith('.json')) continue;
      const file = path.join(this.directory, 'plan', name);
      const record = JSON.parse(await readFile(file, 'utf8')) as AllocationRecord;
      if (record.schemaVersion > recordSchemaVersion) throw new Error(`${file} was written by a newer agent`);
      records.push(record);
    }
    return records;
  }

  /** `durable` for what must not be forgotten even in a power cut: that something was started, or must not be. */
  saveRecord(record: AllocationRecord, options: { readonly durable: boolean }): Promise<void> {
    return writeFileAtomically(this.recordFile(record.entry.allocationId), JSON.stringify(record), options);
  }

  removeRecord(allocationId: string): Promise<void> {
    return rm(this.recordFile(allocationId), { force: true });
  }

  /** The text of a workload document, undefined if there is none. */
  async readWorkload(hash: string): Promise<string | undefined> {
    try {
      return await readFile(this.workloadFile(hash), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  saveWorkload(hash: string, text: string): Promise<void> {
    return writeFileAtomically(this.workloadFile(hash), text, { durable: false });
  }

  removeWorkload(hash: string): Promise<void> {
    return rm(this.workloadFile(hash), { force: true });
  }

  /** Documents may outlive their allocations by a crash. */
  async removeWorkloadsExcept(hashes: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(path.join(this.directory, 'workloads'))) {
      if (!hashes.has(path.parse(name).name)) await rm(path.join(this.directory, 'workloads', name), { force: true });
    }
  }

  private recordFile(allocationId: string): string {
    return path.join(this.directory, 'plan', `${pathSegment(allocationId)}.json`);
  }

  private workloadFile(hash: string): string {
    return path.join(this.directory, 'workloads', `${pathSegment(hash)}.json`);
  }
}
