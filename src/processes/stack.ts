import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalProvider } from '../drivers/providers/local';
import { EtcdClient } from '../stores/etcd/client';
import { tokenInFile } from './bootstrap';
import { readSettings } from './environment';
import type { Child } from './embedded/child';
import { describeExit, startChild } from './embedded/child';
import { freePorts, probeHttp } from './embedded/probes';
import type { RunningServers } from './embedded/servers';
import { workersDirectoryOf } from './embedded/run-directory';
import { startServers } from './embedded/servers';
import { etcdOptions } from './stores';

/** What to bring up, and where it lives. */
export interface StackOptions {
  /** The run's directory: data, logs, pid files and workers. */
  readonly directory: string;
  readonly report: (line: string) => void;
  readonly temporalUi?: boolean;
  /** The first api's port; a free one unless given. */
  readonly apiPort?: number;
  /** How many processes of each; one unless given. */
  readonly processes?: { readonly api?: number; readonly control?: number };
  readonly artifactsDirectory: string;
  /** Addresses of servers that run already. */
  readonly external?: { readonly etcd?: string; readonly mongodb?: string; readonly temporal?: string };
  /** For throw-away data only. */
  readonly unsafeNoFsync?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  /** What each kind of process has beside it, such as who it is to the stores. */
  readonly environmentOf?: { readonly api?: NodeJS.ProcessEnv; readonly control?: NodeJS.ProcessEnv };
  /** Compiled entries of the processes; those of this tree unless given. */
  readonly entriesDirectory?: string;
}

/** How one process differs from the others of its stack. */
export interface ProcessOptions {
  /** E.g. those of another version. */
  readonly entriesDirectory?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

/** Servers, api and control processes, running. */
export interface Stack {
  readonly servers: RunningServers;
  /** Base URLs, e.g. `http://127.0.0.1:8080`. */
  readonly apis: readonly string[];
  /** Of the administrator, good for all of them. */
  readonly token: string;
  readonly children: { readonly api: readonly Child[]; readonly control: readonly Child[] };
  readonly logsDirectory: string;
  /** The local provider's workers: for starting and stopping their agents with the stack. */
  readonly localProvider: LocalProvider;
  /** Starts one more process like those that run already, e.g. after one was killed. */
  startControl(options?: ProcessOptions): Promise<Child>;
  startApi(index: number, options?: ProcessOptions): Promise<Child>;
  /** Stops everything that was started: agents and instances, processes, servers. */
  stop(): Promise<void>;
}

/** A process of the stack did not come up. */
export class StackStartError extends Error {
  constructor(what: string, detail: string, readonly logPath: string) {
    super(`${what} did not come up: ${detail}; its log is ${logPath}`);
    this.name = 'StackStartError';
  }
}

const readyTimeoutMs = 60_000;
const readyPollMs = 50;
/** The compiled entries, also when this file itself runs from its source (tests, benchmarks). */
const compiledEntries = join(__dirname, '..', '..', 'dist', 'processes');

/** Brings everything up on free ports and resolves when the API says that it is ready. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { directory, report, processes = {} } = options;
  const servers = await startServers({
    directory,
    report,
    temporalUi: options.temporalUi ?? false,
    unsafeNoFsync: options.unsafeNoFsync ?? false,
    ...(options.external && { external: options.external }),
  });
  try {
    return await startProcesses(options, servers, processes.api ?? 1, processes.control ?? 1);
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

async function startProcesses(options: StackOptions, servers: RunningServers, apiCount: number, controlCount: number): Promise<Stack> {
  const { directory, report } = options;
  const free = await freePorts(apiCount);
  const ports = free.map((port, index) => (index === 0 ? (options.apiPort ?? port) : port));
  const apis = ports.map((port) => `http://127.0.0.1:${port}`);
  const workersDirectory = workersDirectoryOf(directory);
  mkdirSync(workersDirectory, { recursive: true });
  const environment: NodeJS.ProcessEnv = { ...process.env, ...environmentOf(options, servers, apis[0]!, workersDirectory), ...options.environment };
  const token = await administratorsToken(environment, join(directory, 'token'));
  const entriesDirectory = options.entriesDirectory ?? compiledEntries;
  const startEntry = (name: string, entry: string, own: ProcessOptions, extra: NodeJS.ProcessEnv = {}) => {
    const args = [join(own.entriesDirectory ?? entriesDirectory, entry)];
    return startChild({ name, command: process.execPath, args, env: { ...environment, ...extra, ...own.environment }, directory, report });
  };

  const localProvider = new LocalProvider({ root: workersDirectory, apiUrl: apis[0]!, agentEntry: join(entriesDirectory, 'agent.js'), address: '127.0.0.1' });
  const children = { api: [] as Child[], control: [] as Child[] };
  const startApi = async (index: number, own: ProcessOptions = {}) => {
    const child = await startEntry(`api-${index + 1}`, 'api.js', own, { BERTH_API_PORT: String(ports[index]), ...options.environmentOf?.api });
    children.api[index] = child;
    await untilReady(child, apis[index]!);
    return child;
  };
  const startControl = async (own: ProcessOptions = {}) => {
    const child = await startEntry(`control-${children.control.length + 1}`, 'control.js', own, options.environmentOf?.control);
    children.control.push(child);
    return child;
  };
  const stop = async () => {
    await localProvider.stopAll();
    await Promise.all([...children.api, ...children.control].filter((child) => child.isRunning()).map((child) => child.stop()));
    await servers.stop();
  };
  try {
    await Promise.all([...apis.map((_, index) => startApi(index)), ...Array.from({ length: controlCount }, () => startControl())]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, apis, token, children, logsDirectory: join(directory, 'logs'), localProvider, startApi, startControl, stop };
}

function environmentOf(options: StackOptions, servers: RunningServers, apiUrl: string, workersDirectory: string): NodeJS.ProcessEnv {
  return {
    BERTH_ETCD_ENDPOINTS: servers.etcd,
    BERTH_MONGODB_URI: servers.mongodb,
    BERTH_TEMPORAL_ADDRESS: servers.temporal,
    BERTH_API_HOST: '127.0.0.1',
    BERTH_API_URL: apiUrl,
    BERTH_ARTIFACTS_DIR: options.artifactsDirectory,
    BERTH_LOCAL_WORKERS_DIR: workersDirectory,
  };
}

async function administratorsToken(environment: NodeJS.ProcessEnv, file: string): Promise<string> {
  const client = new EtcdClient(etcdOptions(readSettings(environment)));
  try {
    return await tokenInFile(client, file, 'of the stack on this machine');
  } finally {
    client.close();
  }
}

/** What a process said last before it gave up, or how it ended if it said nothing. */
async function whyEnded(child: Child): Promise<string> {
  const exit = describeExit(await child.exited);
  const lines = readFileSync(child.logPath, 'utf8').slice(child.logStart).split('\n');
  const fatal = lines.findLast((line) => line.includes('"level":60'));
  const said = fatal === undefined ? undefined : (JSON.parse(fatal) as { err?: { message?: string } }).err?.message;
  return said ?? `it ended with ${exit}`;
}

async function untilReady(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs;
  let detail = 'it did not answer';
  while (Date.now() < deadline) {
    if (!child.isRunning()) throw new StackStartError(child.name, await whyEnded(child), child.logPath);
    try {
      await probeHttp(`${url}/ready`);
      return;
    } catch (error) {
      detail = error instanceof Error ? error.message : String(error);
    }
    await sleep(readyPollMs);
  }
  throw new StackStartError(child.name, detail, child.logPath);
}
