import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { markerVariable } from './process-group';
import { identify, signalGroup, type ProcessIdentity } from './process-table';
import { RuntimeFailure, type ComponentExit, type ComponentRequest } from './runtime';
import { errorCode } from './error-code';

/** How a process ended, as far as it is known. */
export type Ending = Omit<ComponentExit, 'output'>;

export interface Spawned {
  readonly identity: ProcessIdentity;
  readonly ending: Promise<Ending>;
}

/**
 * Starts a component without a shell, as the leader of a session and process group of its own.
 * `record` is called in the same turn as the spawn, so that hardly ever a process lives without its record.
 */
export async function spawnDetached(
  request: ComponentRequest,
  output: number,
  record: (identity: ProcessIdentity) => void,
): Promise<Spawned> {
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
    child.unref();
    const ending = endOfChild(child);
    try {
      const identity = identify(pid);
      if (!identity) throw new Error(`process ${pid} is not in the table of processes`);
      record(identity);
      return { identity, ending };
    } catch (error) {
      signalGroup(pid, 'SIGKILL');
      throw error;
    }
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
  const code = errorCode(error) ?? '';
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
