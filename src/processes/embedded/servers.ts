import { findBinary } from './binaries';
import { startEtcd } from './etcd';
import { startFerretdb } from './ferretdb';
import type { RunningServer } from './server';
import { startTemporal } from './temporal';

/** What to start, and where. */
export interface ServersOptions {
  /** The run's directory: data, logs and pid files of all servers. */
  directory: string;
  /** Told what a person who waits wants to know. */
  report: (line: string) => void;
  /** Addresses of servers that run already; these are used, not started. */
  external?: { etcd?: string; mongodb?: string; temporal?: string };
  temporalUi?: boolean;
  /** Faster, and a crash of the machine loses data: for throw-away data only. */
  unsafeNoFsync?: boolean;
}

/** Addresses of all three servers, started or given. */
export interface RunningServers {
  etcd: string;
  mongodb: string;
  temporal: string;
  temporalUi?: string;
  /** Command line tools that fit the servers, where a server was started. */
  commands: { etcdctl?: string; temporal?: string };
  /** Stops what was started, all at once, and waits until it has ended. */
  stop(): Promise<void>;
}

/** Finds or builds, then starts side by side, the servers whose address is not given. */
export async function startServers(options: ServersOptions): Promise<RunningServers> {
  const { external = {} } = options;
  const search = { report: options.report };
  // One build after the other: each keeps all cores busy by itself.
  const binaries = {
    etcd: external.etcd ? undefined : await findBinary('etcd', search),
    etcdctl: external.etcd ? undefined : await findBinary('etcdctl', search),
    ferretdb: external.mongodb ? undefined : await findBinary('ferretdb', search),
    temporal: external.temporal ? undefined : await findBinary('temporal', search),
  };
  const common = {
    directory: options.directory,
    report: options.report,
    unsafeNoFsync: options.unsafeNoFsync ?? false,
  };
  const ui = options.temporalUi ?? false;
  const [etcd, mongodb, temporal] = await allOrNothing([
    startWith(binaries.etcd, (binary) => startEtcd({ ...common, binary })),
    startWith(binaries.ferretdb, (binary) => startFerretdb({ ...common, binary })),
    startWith(binaries.temporal, (binary) => startTemporal({ ...common, binary, ui })),
  ]);
  return {
    etcd: etcd?.address ?? external.etcd ?? '',
    mongodb: mongodb?.address ?? external.mongodb ?? '',
    temporal: temporal?.address ?? external.temporal ?? '',
    temporalUi: temporal?.uiAddress,
    commands: { etcdctl: binaries.etcdctl, temporal: binaries.temporal },
    stop: () => stopAll([etcd, mongodb, temporal]),
  };
}

/** Nothing is started without a binary: then the server's address was given. */
async function startWith<T>(binary: string | undefined, start: (binary: string) => Promise<T>): Promise<T | undefined> {
  return binary === undefined ? undefined : start(binary);
}

type Starting<T> = Promise<T | undefined>;

/** When one server does not start, those that did are stopped before the error goes on. */
async function allOrNothing<A extends RunningServer, B extends RunningServer, C extends RunningServer>(
  starting: [Starting<A>, Starting<B>, Starting<C>],
): Promise<[A | undefined, B | undefined, C | undefined]> {
  const settled = await Promise.allSettled(starting);
  const failed = settled.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    await stopAll(settled.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : undefined)));
    throw failed.reason;
  }
  return Promise.all(starting);
}

async function stopAll(servers: readonly (RunningServer | undefined)[]): Promise<void> {
  await Promise.all(servers.flatMap((server) => (server === undefined ? [] : [server.child.stop()])));
}
