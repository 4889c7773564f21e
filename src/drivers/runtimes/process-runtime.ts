import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { adoptedProcessPollMs, componentLogCheckIntervalMs } from '../../domain/limits';
import { ComponentLog } from './component-log';
import { logFile } from './host-directory';
import { endGroup, markerVariable, reapInstance } from './process-group';
import { ProcessRecords } from './process-records';
import { identify, isAlive, signalGroup, type ProcessIdentity } from './process-table';
import { waitUntilReady } from './readiness';
import { RuntimeFailure, type ComponentExit, type ComponentRequest, type RunningComponent, type Runtime } from './runtime';

/**
 * Runs a component as a process of the host, leading a process group of its own. It does not depend on the agent:
 * its output goes to a file, and after the agent's restart it is found by pid and start time.
 */
export class ProcessRuntime implements Runtime {
  readonly name = 'process';
  readonly usesHost = true;
  private readonly records: ProcessRecords;

  constructor(private readonly agentDirectory: string) {
    this.records = new ProcessRecords(agentDirectory);
  }

  async start(request: ComponentRequest): Promise<RunningComponent> {
    const { component, directory, instanceId, attempt } = request;
    const log = new ComponentLog(logFile(directory, component.name));
    const { pid, ending } = await spawnDetached(request, log.begin(), (identity) => {
      this.records.write(instanceId, { ...identity, component: component.name, attempt });
    });
    return new ProcessComponent(request, pid, log, this.records, ending);
  }

  async adopt(request: ComponentRequest): Promise<RunningComponent | undefined> {
    const record = this.records.read(request.instanceId, request.component.name);
    if (!record || record.attempt !== request.attempt || !isAlive(record)) return undefined;
    const log = new ComponentLog(logFile(request.directory, request.component.name));
    return new ProcessComponent(request, record.pid, log, this.records, endOfStranger(record));
  }

  reap(instanceId: string): Promise<void> {
    return reapInstance(this.agentDirectory, instanceId);
  }
}

type Ending = Omit<ComponentExit, 'output'>;

class ProcessComponent implements RunningComponent {
  readonly name: string;
  readonly ended: Promise<ComponentExit>;
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly request: ComponentRequest,
    private readonly group: number,
    log: ComponentLog,
    private readonly records: ProcessRecords,
    ending: Promise<Ending>,
  ) {
    this.name = request.component.name;
    // A log that cannot be looked at has been removed by the instance; nothing is to be bounded then.
    const bounding = setInterval(() => void log.bound().catch(() => undefined), componentLogCheckIntervalMs).unref();
    this.ended = ending.then((exit) => {
      clearInterval(bounding);
      return { ...exit, output: log.tail() };
    });
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { component, ports, address } = this.request;
    const { readiness } = component;
    if (!readiness) return;
    const port = ports[readiness.port];
    if (port === undefined) {
      throw new RuntimeFailure('configuration', 'UnknownPort', `readiness of "${this.name}" names no port of the instance: "${readiness.port}"`);
    }
    await waitUntilReady({ component: this.name, readiness, address, port }, signal);
  }

  stop(): Promise<void> {
    this.stopping ??= this.end().catch((error: unknown) => {
      this.stopping = undefined;
      throw error;
    });
    return this.stopping;
  }

  /** Also after the main process ended by itself: it may have left others in its group. */
  private async end(): Promise<void> {
    await endGroup(this.group, this.request.component.stop);
    this.records.remove(this.request.instanceId, this.name);
  }
}

interface Spawned {
  readonly pid: number;
  readonly ending: Promise<Ending>;
}

/** `record` is called in the same turn as the spawn, so that hardly ever a process lives without its record. */
async function spawnDetached(request: ComponentRequest, output: number, record: (identity: ProcessIdentity) => void): Promise<Spawned> {
  const { component, directory } = request;
  const [command = '', ...commandArguments] = component.command;
  try {
    const child = spawn(command, commandArguments, {
      cwd: directory,
      env: environmentOf(component.environment, directory),
      stdio: ['ignore', output, output],
      detached: true,
    });
    const { pid } = child;
    if (pid === undefined) throw await failureOf(child);
    try {
      record(identify(pid)!);
    } catch (error) {
      signalGroup(pid, 'SIGKILL');
      throw error;
    }
    child.unref();
    return { pid, ending: endOfChild(child) };
  } catch (error) {
    throw spawnFailure(error, component.name, command, directory);
  } finally {
    closeSync(output);
  }
}

/** A child that could not be spawned says so in the next turn. */
function failureOf(child: ChildProcess): Promise<Error> {
  return new Promise((resolve) => child.once('error', resolve));
}

/** Little is handed down from the agent, whose environment is not the instance's business. */
function environmentOf(own: Readonly<Record<string, string>>, directory: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    LANG: process.env.LANG ?? 'C.UTF-8',
    HOME: directory,
    ...own,
    [markerVariable]: directory,
  };
}

function spawnFailure(error: unknown, component: string, command: string, directory: string): RuntimeFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const refuse = (failureClass: 'configuration' | 'host', reason: string, what: string): RuntimeFailure =>
    new RuntimeFailure(failureClass, reason, `component "${component}": ${what}`, { cause: error });

  if (code === 'ENOENT' && existsSync(directory)) return refuse('configuration', 'CommandNotFound', `command not found: ${command}`);
  if (code === 'EACCES') return refuse('configuration', 'CommandNotExecutable', `command may not be executed: ${command}`);
  if (code === 'E2BIG' || code.startsWith('ERR_INVALID_ARG')) return refuse('configuration', 'CommandInvalid', `command cannot be run: ${code}`);
  return refuse('host', 'SpawnFailed', `the host could not start it: ${code || String(error)}`);
}

function endOfChild(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ ...(code !== null && { exitCode: code }), ...(signal !== null && { signal }) });
    });
  });
}

/** The end of another process's child is not announced, and how it ended is not told. */
function endOfStranger(identity: ProcessIdentity): Promise<Ending> {
  return new Promise((resolve) => {
    const poll = setInterval(() => {
      if (isAlive(identity)) return;
      clearInterval(poll);
      resolve({});
    }, adoptedProcessPollMs).unref();
  });
}
