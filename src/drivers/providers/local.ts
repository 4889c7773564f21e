import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isPathSegment, pathSegment } from '../runtimes/host-directory';
import { LocalAgent, type AgentCommand } from './local-agent';
import { ProviderError, type Provider, type Provisioned, type ProvisionRequest } from './provider';

export interface LocalProviderOptions {
  /** Holds a directory for each worker. */
  readonly root: string;
  /** Where the agents find the control plane. */
  readonly apiUrl: string;
  /** Path of the compiled `agent.js`. */
  readonly agentEntry: string;
  /** For node, before the entry; for running from source. */
  readonly nodeArguments?: readonly string[];
  /** Address at which the ports of the instances are reached. */
  readonly address: string;
}

const neverAborted = new AbortController().signal;

/** Workers that are agent processes on this host. They outlive the process that asked for them. */
export class LocalProvider implements Provider {
  readonly name = 'local';
  private readonly command: AgentCommand;
  /** The last act on each worker: acts on one come one after the other. */
  private readonly acts = new Map<string, Promise<unknown>>();

  constructor(private readonly options: LocalProviderOptions) {
    this.command = { agentEntry: options.agentEntry, nodeArguments: options.nodeArguments ?? [] };
  }

  create(request: ProvisionRequest): Promise<Provisioned> {
    const { externalId, workerId, attempt, token, portRange, signal } = request;
    return this.serially(externalId, async () => {
      const agent = this.agentOf(externalId);
      const former = await agent.readConfig();
      if (former && former.attempt > attempt) {
        throw new ProviderError('transient', 'AttemptSuperseded', `attempt ${former.attempt} has taken the place of attempt ${attempt}`);
      }
      request.heartbeat('starting the agent process');
      const { apiUrl: api, address } = this.options;
      await agent.run({ workerId, attempt, api, token, directory: agent.dataDirectory, address, portRange }, signal);
      return { resources: { agent: { kind: 'LocalAgent', name: workerId, uid: externalId } } };
    });
  }

  destroy(externalId: string, signal: AbortSignal): Promise<void> {
    return this.serially(externalId, () => this.agentOf(externalId).remove(signal));
  }

  exists(externalId: string): Promise<boolean> {
    return Promise.resolve(existsSync(this.placeOf(externalId)));
  }

  /** Starts the agents of all workers that are here, after a restart of everything; the control plane may have moved. */
  async startAll(signal = neverAborted): Promise<void> {
    await this.forAll(async (agent) => {
      const config = await agent.readConfig();
      if (config) await agent.run({ ...config, api: this.options.apiUrl }, signal);
    });
  }

  /** Stops all agents and their instances, and keeps their directories. */
  async stopAll(signal = neverAborted): Promise<void> {
    await this.forAll((agent) => agent.stop(signal));
  }

  private async forAll(act: (agent: LocalAgent) => Promise<void>): Promise<void> {
    const names = existsSync(this.options.root) ? (await readdir(this.options.root)).filter(isPathSegment) : [];
    const results = await Promise.allSettled(names.map((name) => this.serially(name, () => act(this.agentOf(name)))));
    const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason as unknown);
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${names.length} local workers`);
  }

  private serially<T>(externalId: string, act: () => Promise<T>): Promise<T> {
    const former = this.acts.get(externalId) ?? Promise.resolve();
    const next = former.catch(() => undefined).then(act);
    this.acts.set(externalId, next);
    // The map holds acts under way only. Whoever asked hears of a failure; here it has no meaning.
    void next.catch(() => undefined).then(() => this.acts.get(externalId) === next && this.acts.delete(externalId));
    return next;
  }

  private agentOf(externalId: string): LocalAgent {
    return new LocalAgent(this.placeOf(externalId), this.command);
  }

  private placeOf(externalId: string): string {
    return path.join(this.options.root, pathSegment(externalId));
  }
}
