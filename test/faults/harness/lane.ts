import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstanceVerb } from '../../../src/domain/admission';
import { readClaim } from '../../../src/drivers/runtimes/directory-claim';
import type { InstanceReply } from '../../support/client';
import type { FaultStack } from './fault-stack';
import type { SteadyClient } from './steady-client';

/** Where an instance may be brought to before something is done to it. */
export type Stage = 'RUNNING' | 'STOPPED' | 'FAILED';

export interface DefinitionReference {
  readonly name: string;
  readonly version: string;
}

const portsPerLane = 100;
const firstPort = 24_000;

/** How a verb is asked of an instance. */
export function requestOf(verb: InstanceVerb, id: string): [method: string, path: string] {
  return verb === 'terminate' ? ['DELETE', `/instances/${id}`] : ['POST', `/instances/${id}/${verb}`];
}

/** A worker that only what is defined here lands on: whoever kills its agent disturbs nobody else. */
export class Lane {
  private constructor(
    private readonly stack: FaultStack,
    readonly api: SteadyClient,
    private readonly label: string,
    readonly workerId: string,
    /** Runs until it is stopped, and can always be started. */
    readonly definition: DefinitionReference,
  ) {}

  static async open(stack: FaultStack, api: SteadyClient, number: number, memory = '64Gi'): Promise<Lane> {
    const label = `lane-${number}`;
    const from = firstPort + number * portsPerLane;
    const workerId = await api.makeWorker({ from, to: from + portsPerLane - 1, memory, labels: { lane: label } });
    return new Lane(stack, api, label, workerId, await define(api, label, stack.runs.component()));
  }

  /** One whose command is not there: a start fails at once, and for good. `appear` puts the command there. */
  async defineFailing(): Promise<{ definition: DefinitionReference; appear: () => void }> {
    const command = join(this.stack.directory, `late-${randomBytes(4).toString('hex')}`);
    const [shell, , script] = this.stack.runs.component()['command'] as string[];
    const definition = await define(this.api, this.label, this.stack.runs.component({ command: [command] }));
    return { definition, appear: () => writeFileSync(command, `#!/usr/bin/env ${shell}\n${script}`, { mode: 0o700 }) };
  }

  /** Asks for an instance; answers its id. */
  async create(definition = this.definition): Promise<string> {
    return (await this.api.must<InstanceReply>('POST', '/instances', { definition })).id;
  }

  async act(verb: InstanceVerb, id: string): Promise<void> {
    await this.api.must(...requestOf(verb, id));
  }

  reaches(id: string, phase: string): Promise<void> {
    return this.api.reaches('instances', id, phase);
  }

  /** A new instance at a stage. One that has FAILED will succeed when it is tried again. */
  async bring(stage: Stage): Promise<string> {
    if (stage === 'FAILED') {
      const { definition, appear } = await this.defineFailing();
      const id = await this.create(definition);
      await this.reaches(id, 'FAILED');
      appear();
      return id;
    }
    const id = await this.create();
    await this.reaches(id, 'RUNNING');
    // RUNNING says that its process is there; what it does by itself comes after that.
    await this.hasStarted(id, 1);
    if (stage === 'STOPPED') {
      await this.act('stop', id);
      await this.reaches(id, 'STOPPED');
    }
    return id;
  }

  /** Waits until its component has written down so many starts. */
  async hasStarted(id: string, starts: number): Promise<void> {
    await this.api.until(`${starts} starts of ${id}`, async () => this.stack.runs.startsOf(id).length >= starts);
  }

  /** Stops a running instance that was started once, and starts it a second time. */
  async stopAndStart(id: string): Promise<void> {
    await this.hasStarted(id, 1);
    await this.act('stop', id);
    await this.reaches(id, 'STOPPED');
    await this.act('start', id);
    await this.reaches(id, 'RUNNING');
    await this.hasStarted(id, 2);
  }

  async end(id: string): Promise<void> {
    await this.act('terminate', id);
    await this.reaches(id, 'TERMINATED');
  }

  /** The process id of the worker's agent; undefined while there is none. */
  get agentPid(): number | undefined {
    const place = this.stack.agents.directories.find((directory) => this.isServedIn(directory));
    return place === undefined ? undefined : readClaim(join(place, 'agent'))?.pid;
  }

  private isServedIn(directory: string): boolean {
    const { workerId } = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as { workerId: string };
    return workerId === this.workerId;
  }
}

function define(api: SteadyClient, lane: string, component: Record<string, unknown>): Promise<DefinitionReference> {
  return api.define({ components: [component], constraints: { labels: { lane } }, retry: { maxAttempts: 3, initialBackoff: '200ms', maxBackoff: '200ms' } });
}
