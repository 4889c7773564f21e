import { findBinary } from '../../../src/processes/embedded/binaries';
import { startEtcd } from '../../../src/processes/embedded/etcd';
import { startFerretdb } from '../../../src/processes/embedded/ferretdb';
import { startTemporal } from '../../../src/processes/embedded/temporal';
import { FaultyServer } from './faulty-server';

/** The three servers of one stack. */
export interface FaultyServers {
  readonly etcd: FaultyServer;
  readonly mongodb: FaultyServer;
  readonly temporal: FaultyServer;
}

/** Starts the servers on free ports, with their data below a directory. */
export async function startFaultyServers(directory: string): Promise<FaultyServers> {
  const report = () => undefined;
  // One build after the other, where any is needed: each keeps all cores busy by itself.
  const binaries = { etcd: await findBinary('etcd', { report }), ferretdb: await findBinary('ferretdb', { report }), temporal: await findBinary('temporal', { report }) };
  const common = { directory, report, unsafeNoFsync: true };
  const on = (port: number | undefined) => (port === undefined ? {} : { port });
  const [etcd, mongodb, temporal] = await Promise.all([
    FaultyServer.start((port) => startEtcd({ ...common, binary: binaries.etcd, ...on(port) })),
    FaultyServer.start((port) => startFerretdb({ ...common, binary: binaries.ferretdb, ...on(port) })),
    FaultyServer.start((port) => startTemporal({ ...common, binary: binaries.temporal, ...on(port) })),
  ]);
  return { etcd, mongodb, temporal };
}

export async function stopFaultyServers({ etcd, mongodb, temporal }: FaultyServers): Promise<void> {
  await Promise.all([etcd.stop(), mongodb.stop(), temporal.stop()]);
}
