import { join } from 'node:path';
import { freePorts } from '../../../src/processes/embedded/probes';
import type { RunDirectory } from '../../../src/processes/embedded/run-directory';
import { createRunDirectory, workersDirectoryOf } from '../../../src/processes/embedded/run-directory';
import { EtcdClient } from '../../../src/stores/etcd/client';
import { bootstrapToken } from '../../../src/processes/bootstrap';
import { rememberToken } from '../../support/credentials';
import { TcpProxy } from '../../support/tcp-proxy';
import { Failpoints } from './armed-failpoints';
import { Engine } from './engine';
import { FaultyAgents } from './faulty-agents';
import type { FaultyProcess } from './faulty-process';
import type { FaultyServers } from './faulty-servers';
import { startFaultyServers, stopFaultyServers } from './faulty-servers';
import type { Call } from './history';
import { faultDatabase, faultPrefix, faultTaskQueue } from './names';
import { RecordingClient } from './recording-client';
import { Runs } from './runs';
import { makeApi, makeControl } from './start-processes';
import { SteadyClient } from './steady-client';
import type { StoreRecorder } from './store-recorder';
import { recordStore } from './store-recorder';
import { withoutLimits } from '../../support/without-limits';

export interface FaultStackOptions {
  readonly api?: number;
  readonly control?: number;
  /** Compiled entries of the processes, where they are not those of this tree. */
  readonly entriesDirectory?: string;
}

/** What a stack consists of. */
interface Parts {
  readonly runDirectory: RunDirectory;
  readonly servers: FaultyServers;
  readonly recorder: StoreRecorder;
  readonly engine: Engine;
  readonly apis: readonly FaultyProcess[];
  readonly controls: readonly FaultyProcess[];
  readonly apiProxies: readonly TcpProxy[];
  /** The way of all agents to the first api process. */
  readonly agentsProxy: TcpProxy;
  readonly agents: FaultyAgents;
  readonly failpoints: Failpoints;
  readonly runs: Runs;
}

const root = join(__dirname, '..', '..', '..');

/**
 * A stack to be attacked: servers and processes of its own, each of which can be killed, frozen and started again, and
 * between any two of them a proxy. Clients and agents reach the api processes through proxies, too.
 */
export class FaultStack {
  /** Every call that a client of the stack made. */
  readonly calls: Call[] = [];

  private constructor(private readonly parts: Parts) {}

  static async start(options: FaultStackOptions = {}): Promise<FaultStack> {
    const runDirectory = await createRunDirectory('faults', () => undefined);
    try {
      const servers = await startFaultyServers(runDirectory.path);
      const stack = new FaultStack(await makeParts(options, runDirectory, servers));
      try {
        await Promise.all([...stack.apis, ...stack.controls].map((process) => process.start()));
      } catch (error) {
        await stack.end(true);
        throw error;
      }
      return stack;
    } catch (error) {
      runDirectory.keep();
      throw error;
    }
  }

  get directory(): string {
    return this.parts.runDirectory.path;
  }

  get servers(): FaultyServers {
    return this.parts.servers;
  }

  get apis(): readonly FaultyProcess[] {
    return this.parts.apis;
  }

  get controls(): readonly FaultyProcess[] {
    return this.parts.controls;
  }

  get agents(): FaultyAgents {
    return this.parts.agents;
  }

  /** One an api process, for clients. */
  get apiProxies(): readonly TcpProxy[] {
    return this.parts.apiProxies;
  }

  get failpoints(): Failpoints {
    return this.parts.failpoints;
  }

  get runs(): Runs {
    return this.parts.runs;
  }

  get engine(): Engine {
    return this.parts.engine;
  }

  get recorder(): StoreRecorder {
    return this.parts.recorder;
  }

  /** A careful client; it asks all api processes in turn, or the one that is named. */
  client(index?: number): SteadyClient {
    const urls = this.apiProxies.map(({ url }) => url);
    return new SteadyClient(index === undefined ? urls : [urls[index]!], { calls: this.calls });
  }

  /** A client of one api process that asks once, and so hears that it was cut off. */
  once(index: number): RecordingClient {
    return new RecordingClient([this.apiProxies[index]!.url], { calls: this.calls, deadlineMs: 0 });
  }

  /** Straight to etcd, past all proxies; to be closed by whoever opens it. */
  openEtcd(): EtcdClient {
    return new EtcdClient({ endpoints: [this.servers.etcd.address], prefix: faultPrefix });
  }

  /** Stops everything. `keep` leaves the directory with its logs to be read. */
  async end(keep = false): Promise<void> {
    const { runDirectory, servers, agents, apis, controls, recorder, engine, apiProxies, agentsProxy } = this.parts;
    const processes = [...apis, ...controls];
    for (const process of processes) process.isSupervised = false;
    await agents.stopAll();
    await Promise.all(processes.map((process) => process.stop()));
    await stopFaultyServers(servers);
    await Promise.all([...apiProxies, agentsProxy].map((proxy) => proxy.close()));
    await recorder.stop();
    await engine.close();
    delete process.env['BERTH_FAILPOINTS'];
    if (keep) runDirectory.keep();
    else runDirectory.remove();
  }
}

/** Everything but running processes. */
async function makeParts(options: FaultStackOptions, runDirectory: RunDirectory, servers: FaultyServers): Promise<Parts> {
  const { path: directory } = runDirectory;
  const { entriesDirectory = join(root, 'dist', 'processes') } = options;
  // Before the first write: what was not seen is not judged.
  const recorder = await recordStore(servers.etcd.address, faultPrefix);
  const engine = await Engine.connect(servers.temporal.address, faultTaskQueue);
  const ports = await freePorts(options.api ?? 2);
  const apiProxies = await Promise.all(ports.map((port) => TcpProxy.to(`http://127.0.0.1:${port}`)));
  const agentsProxy = await TcpProxy.to(`http://127.0.0.1:${ports[0]}`);
  const token = await administratorsToken(servers.etcd.address);
  for (const { url } of [...apiProxies, ...ports.map((port) => ({ url: `http://127.0.0.1:${port}` }))]) rememberToken(url, token);
  const failpoints = new Failpoints(join(directory, 'failpoints'));
  // Agents that the harness starts itself are told by way of its own environment.
  process.env['BERTH_FAILPOINTS'] = failpoints.directory;
  const agents = new FaultyAgents(workersDirectoryOf(directory), agentsProxy.url, entriesDirectory);
  const processes = { servers, directory, entriesDirectory, environment: environmentOf(directory, agentsProxy.url) };
  const apis = await Promise.all(ports.map((port, index) => makeApi(processes, index, port)));
  const controls = await Promise.all(Array.from({ length: options.control ?? 2 }, (_, index) => makeControl(processes, index)));
  const runs = new Runs(join(directory, 'runs'));
  return { runDirectory, servers, recorder, engine, apis, controls, apiProxies, agentsProxy, agents, failpoints, runs };
}

async function administratorsToken(etcdAddress: string): Promise<string> {
  const client = new EtcdClient({ endpoints: [etcdAddress], prefix: faultPrefix });
  try {
    return await bootstrapToken(client, 'of a test');
  } finally {
    client.close();
  }
}

function environmentOf(directory: string, apiUrl: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...withoutLimits,
    BERTH_ETCD_PREFIX: faultPrefix.slice(0, -1),
    BERTH_MONGODB_DATABASE: faultDatabase,
    BERTH_TEMPORAL_TASK_QUEUE: faultTaskQueue,
    BERTH_API_HOST: '127.0.0.1',
    BERTH_API_URL: apiUrl,
    BERTH_ARTIFACTS_DIR: join(root, 'examples'),
    BERTH_LOCAL_WORKERS_DIR: workersDirectoryOf(directory),
    BERTH_LOG_LEVEL: 'debug',
  };
}
