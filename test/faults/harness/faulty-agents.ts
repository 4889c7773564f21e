import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LocalProvider } from '../../../src/drivers/providers/local';
import { readClaim } from '../../../src/drivers/runtimes/directory-claim';
import { eventually } from '../../support/etcd';

/** The agents of a stack: made by its control processes, killed and started again by the harness. */
export class FaultyAgents {
  private readonly provider: LocalProvider;

  constructor(
    private readonly workersDirectory: string,
    apiUrl: string,
    entriesDirectory: string,
  ) {
    mkdirSync(workersDirectory, { recursive: true });
    this.provider = new LocalProvider({ root: workersDirectory, apiUrl, agentEntry: join(entriesDirectory, 'agent.js'), address: '127.0.0.1' });
  }

  /** Directories of workers: the place, named by external id, that holds an agent's files. */
  get directories(): readonly string[] {
    return readdirSync(this.workersDirectory).map((name) => join(this.workersDirectory, name));
  }

  /** Process ids of the agents that serve a directory now. */
  get pids(): readonly number[] {
    return this.directories.flatMap((place) => readClaim(join(place, 'agent'))?.pid ?? []);
  }

  /** Directories of instances that are on any host. */
  get instanceDirectories(): readonly string[] {
    return this.directories.flatMap((place) => {
      try {
        return readdirSync(join(place, 'agent', 'instances'));
      } catch {
        return []; // Its agent never ran one.
      }
    });
  }

  /** kill -9 of one agent; what it runs goes on. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(`agent ${pid} has ended`, () => !this.pids.includes(pid));
  }

  /** Starts the agents of all workers that have none, as an init system would. */
  async startAll(): Promise<void> {
    await this.provider.startAll();
  }

  /** Stops all agents and what they run. */
  async stopAll(): Promise<void> {
    await this.provider.stopAll();
  }
}
