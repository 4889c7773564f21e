import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killConfirmMsMax, localAgentStartMsMax, localAgentStopMsMax } from '../../domain/limits';
import { wellFormed } from '../../domain/utf8';
import type { PortRange } from '../../domain/worker';
import { readClaim, type DirectoryClaim } from '../runtimes/directory-claim';
import { errorCode } from '../runtimes/error-code';
import { reapAllInstances } from '../runtimes/process-group';
import { identify, isAlive, signalProcess, type ProcessIdentity } from '../runtimes/process-table';
import { ProviderError } from './provider';

/** Of the agent's last output, quoted when it does not come up. */
const outputCharactersMax = 900;

/** What a local agent reads at its start, and which attempt at provisioning it belongs to. */
export interface LocalAgentConfig {
  readonly workerId: string;
  readonly attempt: number;
  readonly api: string;
  readonly token: string;
  readonly directory: string;
  readonly address: string;
  readonly portRange: PortRange;
}

/** How an agent process is started. */
export interface AgentCommand {
  /** Path of the compiled `agent.js`. */
  readonly agentEntry: string;
  /** For node, before the entry. */
  readonly nodeArguments: readonly string[];
}

/**
 * One agent process of this host and its place on disk: configuration, log, and the agent's own directory.
 * What runs is read from the host each time, never remembered: somebody else may have started or killed it.
 */
export class LocalAgent {
  /** The agent's own directory: its plan and its instances. */
  readonly dataDirectory: string;
  private readonly configFile: string;
  private readonly logFile: string;
  private readonly spawnedFile: string;

  constructor(
    private readonly place: string,
    private readonly command: AgentCommand,
  ) {
    this.dataDirectory = path.join(place, 'agent');
    this.configFile = path.join(place, 'config.json');
    this.logFile = path.join(place, 'agent.log');
    this.spawnedFile = path.join(place, 'spawned.json');
  }

  /** Undefined if it was never configured. */
  async readConfig(): Promise<LocalAgentConfig | undefined> {
    const text = await this.readConfigText();
    return text === undefined ? undefined : (JSON.parse(text) as LocalAgentConfig);
  }

  /** Makes an agent run that has read this configuration. One that runs with another is stopped, its instances left to the new one. */
  async run(config: LocalAgentConfig, signal: AbortSignal): Promise<void> {
    const text = JSON.stringify(config, undefined, 2);
    const configHash = createHash('sha256').update(text).digest('hex');
    await mkdir(this.dataDirectory, { recursive: true, mode: 0o700 });
    await this.writeConfig(text);
    if (readClaim(this.dataDirectory)?.configHash === configHash) return;
    const spawned = this.readSpawned();
    // Another act, in another process, may have started the very agent that is wanted; it need not be up yet.
    if (spawned?.configHash === configHash && isAlive(spawned)) return this.untilUp(spawned, signal);
    await this.stopProcess('SIGTERM', signal);
    await this.untilUp(this.spawn(configHash), signal);
  }

  /** Stops the agent and its instances. Resolves once nothing of them runs any more. */
  async stop(signal: AbortSignal): Promise<void> {
    await this.stopProcess('SIGINT', signal);
    await reapAllInstances(this.dataDirectory);
  }

  /** Stops everything and removes its place. */
  async remove(signal: AbortSignal): Promise<void> {
    await this.stop(signal);
    await rm(this.place, { recursive: true, force: true, maxRetries: 3 });
  }

  private async readConfigText(): Promise<string | undefined> {
    try {
      return await readFile(this.configFile, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** It holds a token, so nobody else may read it, not even for the moment of its writing. */
  private async writeConfig(text: string): Promise<void> {
    const temporary = `${this.configFile}.${randomUUID()}`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, this.configFile);
  }

  /** Waits until the agent that was spawned, or another with its configuration, serves the directory. */
  private async untilUp(spawned: DirectoryClaim, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + localAgentStartMsMax;
    while (readClaim(this.dataDirectory)?.configHash !== spawned.configHash) {
      signal.throwIfAborted();
      const current = this.readSpawned();
      const isComing = [spawned, current].some((each) => each?.configHash === spawned.configHash && isAlive(each));
      if (!isComing) throw new ProviderError('host', 'AgentEndedEarly', `the agent ended at its start: ${this.lastOutput()}`);
      if (performance.now() > deadline) {
        signalProcess(spawned.pid, 'SIGKILL');
        throw new ProviderError('host', 'AgentNotStarting', `the agent was not up within ${localAgentStartMsMax} ms: ${this.lastOutput()}`);
      }
      await sleep(20);
    }
  }

  /** Detached, so that it survives the process that asked for it; with little of that one's environment, which holds more than an agent may know. */
  private spawn(configHash: string): DirectoryClaim {
    const output = openSync(this.logFile, 'a', 0o600);
    try {
      const { agentEntry, nodeArguments } = this.command;
      const { PATH, HOME, LANG, NODE_EXTRA_CA_CERTS, BERTH_FAILPOINTS } = process.env;
      const child = spawn(process.execPath, [...nodeArguments, agentEntry, '--config', this.configFile], {
        cwd: this.place,
        env: { PATH, HOME, LANG, NODE_EXTRA_CA_CERTS, BERTH_FAILPOINTS },
        stdio: ['ignore', output, output],
        detached: true,
      });
      child.on('error', () => undefined);
      child.unref();
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (!identity) throw new ProviderError('host', 'SpawnFailed', 'the host could not start an agent process');
      // Until the agent has claimed its directory, this says who it is.
      const spawned = { ...identity, configHash };
      writeFileSync(`${this.spawnedFile}.${process.pid}`, JSON.stringify(spawned));
      renameSync(`${this.spawnedFile}.${process.pid}`, this.spawnedFile);
      return spawned;
    } finally {
      closeSync(output);
    }
  }

  private async stopProcess(how: 'SIGTERM' | 'SIGINT', signal: AbortSignal): Promise<void> {
    for (const identity of [readClaim(this.dataDirectory), this.readSpawned()]) {
      if (!identity || !isAlive(identity)) continue;
      signalProcess(identity.pid, how);
      if (await hasEndedWithin(identity, localAgentStopMsMax, signal)) continue;
      signalProcess(identity.pid, 'SIGKILL');
      if (await hasEndedWithin(identity, killConfirmMsMax, signal)) continue;
      throw new ProviderError('host', 'AgentNotEnding', `agent process ${identity.pid} still runs after SIGKILL`);
    }
  }

  private readSpawned(): DirectoryClaim | undefined {
    try {
      return JSON.parse(readFileSync(this.spawnedFile, 'utf8')) as DirectoryClaim;
    } catch {
      return undefined;
    }
  }

  private lastOutput(): string {
    try {
      return wellFormed(readFileSync(this.logFile, 'utf8').trimEnd().slice(-outputCharactersMax));
    } catch {
      return 'it wrote nothing';
    }
  }
}

async function hasEndedWithin(identity: ProcessIdentity, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(identity)) {
    signal.throwIfAborted();
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}
