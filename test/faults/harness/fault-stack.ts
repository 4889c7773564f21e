import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LocalProvider } from '../../../src/drivers/providers/local';
import { readClaim } from '../../../src/drivers/runtimes/directory-claim';
import { findBinary } from '../../../src/processes/embedded/binaries';
import { startChild } from '../../../src/processes/embedded/child';
import { startEtcd } from '../../../src/processes/embedded/etcd';
import { startFerretdb } from '../../../src/processes/embedded/ferretdb';
import { freePorts, probeHttp } from '../../../src/processes/embedded/probes';
import type { RunDirectory } from '../../../src/processes/embedded/run-directory';
import { createRunDirectory, workersDirectoryOf } from '../../../src/processes/embedded/run-directory';
import { startTemporal } from '../../../src/processes/embedded/temporal';
import { EtcdClient } from '../../../src/stores/etcd/client';
import { eventually } from '../../support/etcd';
import { TcpProxy } from '../../support/tcp-proxy';
import { Failpoints } from './armed-failpoints';
import { Engine } from './engine';
import type { Links, StartProcess } from './faulty-process';
import { FaultyProcess } from './faulty-process';
import { FaultyServer } from './faulty-server';
import type { Call } from './history';
import { Runs } from './runs';
import { RecordingClient } from './recording-client';
import { SteadyClient } from './steady-client';
import type { StoreRecorder } from './store-recorder';
import { recordStore } from './store-recorder';

export interface FaultStackOptions {
  readonly api?: number;
  readonly control?: number;
  /** Compiled entries of the processes, where they are not those of this tree. */
  readonly entriesDirectory?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

interface Servers {
  readonly etcd: FaultyServer;
  readonly mongodb: FaultyServer;
  readonly temporal: FaultyServer;
}

const entries = join(__dirname, '..', '..', '..', 'dist', 'processes');
/** Below the default, so that nothing of a test is ever mistaken for somebody's. */
export const faultPrefix = '/faults/';
export const faultDatabase = 'faults';
export const faultTaskQueue = 'faults';

/**
 * A stack to be attacked: servers and processes of its own, each of which can be killed, frozen and started again, and
 * between any two of them a proxy. Clients and agents reach the api processes through proxies, too.
 */
export class FaultStack {
  private constructor(
    private readonly runDirectory: RunDirectory,
    readonly servers: Servers,
    readonly apis: readonly FaultyProcess[],
    readonly controls: FaultyProcess[],
    /** One an api process, for clients. */
    readonly apiProxies: readonly TcpProxy[],
    /** The way of all agents to the control plane; it leads to the first api process unless it is turned. */
    readonly agentsProxy: TcpProxy,
    readonly failpoints: Failpoints,
    readonly runs: Runs,
    readonly engine: Engine,
    readonly recorder: StoreRecorder,
    private readonly provider: LocalProvider,
    readonly makeControl: (entriesDirectory?: string) => Promise<FaultyProcess>,
  ) {}

  /** Every call that a client of the stack made. */
  readonly calls: Call[] = [];

  static async start(options: FaultStackOptions = {}): Promise<FaultStack> {
    const runDirectory = await createRunDirectory('faults', () => undefined);
    const directory = runDirectory.path;
    try {
      const servers = await startServers(directory);
      // Before the first write: what was not seen is not judged.
      const recorder = await recordStore(servers.etcd.address, faultPrefix);
      const engine = await Engine.connect(servers.temporal.address, faultTaskQueue);
      const apiPorts = await freePorts(options.api ?? 2);
      const apiProxies = await Promise.all(apiPorts.map((port) => TcpProxy.to(`http://127.0.0.1:${port}`)));
      const agentsProxy = await TcpProxy.to(`http://127.0.0.1:${apiPorts[0]}`);
      const workersDirectory = workersDirectoryOf(directory);
      const failpoints = new Failpoints(join(directory, 'failpoints'));
      const runs = new Runs(join(directory, 'runs'));
      mkdirSync(workersDirectory, { recursive: true });
      // Agents that the harness starts itself are told by way of its own environment.
      process.env['BERTH_FAILPOINTS'] = failpoints.directory;
      const environment = {
        ...process.env,
        BERTH_ETCD_PREFIX: faultPrefix.slice(0, -1),
        BERTH_MONGODB_DATABASE: faultDatabase,
        BERTH_TEMPORAL_TASK_QUEUE: faultTaskQueue,
        BERTH_API_HOST: '127.0.0.1',
        BERTH_API_URL: agentsProxy.url,
        BERTH_ARTIFACTS_DIR: join(__dirname, '..', '..', '..', 'examples'),
        BERTH_LOCAL_WORKERS_DIR: workersDirectory,
        BERTH_FAILPOINTS: failpoints.directory,
        BERTH_LOG_LEVEL: 'debug',
        ...options.environment,
      };
      const make = async (name: string, entry: string, extra: NodeJS.ProcessEnv, untilUp: () => Promise<void>, entriesDirectory?: string) => {
        const links: Links = { etcd: await servers.etcd.proxy(), mongodb: await servers.mongodb.proxy(), temporal: await servers.temporal.proxy() };
        const start: StartProcess = async (own, from = options.entriesDirectory ?? entries) => {
          const env = {
            ...environment,
            BERTH_ETCD_ENDPOINTS: servers.etcd.addressThrough(links.etcd),
            BERTH_MONGODB_URI: servers.mongodb.addressThrough(links.mongodb),
            BERTH_TEMPORAL_ADDRESS: servers.temporal.addressThrough(links.temporal),
            ...own,
          };
          const child = await startChild({ name, command: process.execPath, args: [join(from, entry)], env, directory, report: () => undefined });
          await Promise.race([untilUp(), child.exited]);
          return child;
        };
        return new FaultyProcess(name, links, start, extra, entriesDirectory);
      };
      const apis = await Promise.all(
        apiPorts.map((port, index) => make(`api-${index + 1}`, 'api.js', { BERTH_API_PORT: String(port) }, () => untilReady(port))),
      );
      let controlCount = 0;
      const makeControl = (entriesDirectory?: string) => make(`control-${(controlCount += 1)}`, 'control.js', {}, () => Promise.resolve(), entriesDirectory);
      const controls = await Promise.all(Array.from({ length: options.control ?? 2 }, () => makeControl()));
      const provider = new LocalProvider({ root: workersDirectory, apiUrl: agentsProxy.url, agentEntry: join(options.entriesDirectory ?? entries, 'agent.js'), address: '127.0.0.1' });
      const stack = new FaultStack(runDirectory, servers, apis, controls, apiProxies, agentsProxy, failpoints, runs, engine, recorder, provider, makeControl);
      await Promise.all([...apis, ...controls].map((process) => process.start()));
      return stack;
    } catch (error) {
      runDirectory.keep();
      throw error;
    }
  }

  get directory(): string {
    return this.runDirectory.path;
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

  /** Directories of workers: the place, named by external id, that holds an agent's files. */
  get workerDirectories(): readonly string[] {
    const root = workersDirectoryOf(this.directory);
    return readdirSync(root).map((name) => join(root, name));
  }

  /** Process ids of the agents that serve a directory now. */
  get agentPids(): readonly number[] {
    return this.workerDirectories.flatMap((place) => readClaim(join(place, 'agent'))?.pid ?? []);
  }

  /** kill -9 of one agent; what it runs goes on. */
  async killAgent(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await eventually(`agent ${pid} has ended`, () => !this.agentPids.includes(pid));
  }

  /** Starts the agents of all workers that have none, as an init system would. */
  async startAgents(): Promise<void> {
    await this.provider.startAll();
  }

  /** Directories of instances that are on any host. */
  get instanceDirectories(): readonly string[] {
    return this.workerDirectories.flatMap((place) => {
      try {
        return readdirSync(join(place, 'agent', 'instances'));
      } catch {
        return []; // Its agent never ran one.
      }
    });
  }

  /** Stops everything. `keep` leaves the directory with its logs to be read. */
  async end(keep = false): Promise<void> {
    for (const process of [...this.apis, ...this.controls]) process.isSupervised = false;
    await this.provider.stopAll();
    await Promise.all([...this.apis, ...this.controls].map((process) => process.stop()));
    await Promise.all([this.servers.etcd, this.servers.mongodb, this.servers.temporal].map((server) => server.stop()));
    await Promise.all([...this.apiProxies, this.agentsProxy].map((proxy) => proxy.close()));
    await this.recorder.stop();
    await this.engine.close();
    delete process.env['BERTH_FAILPOINTS'];
    if (keep) this.runDirectory.keep();
    else this.runDirectory.remove();
  }
}

async function startServers(directory: string): Promise<Servers> {
  const report = () => undefined;
  const [etcd, ferretdb, temporal] = [await findBinary('etcd', { report }), await findBinary('ferretdb', { report }), await findBinary('temporal', { report })];
  const common = { directory, report, unsafeNoFsync: true };
  const on = (port: number | undefined) => (port === undefined ? {} : { port });
  const [etcdServer, mongodbServer, temporalServer] = await Promise.all([
    FaultyServer.start((port) => startEtcd({ ...common, binary: etcd, ...on(port) })),
    FaultyServer.start((port) => startFerretdb({ ...common, binary: ferretdb, ...on(port) })),
    FaultyServer.start((port) => startTemporal({ ...common, binary: temporal, ...on(port) })),
  ]);
  return { etcd: etcdServer, mongodb: mongodbServer, temporal: temporalServer };
}

async function untilReady(port: number): Promise<void> {
  await eventually(`the api process on port ${port} is ready`, () => probeHttp(`http://127.0.0.1:${port}/ready`).then(() => true, () => false), 60_000);
}
