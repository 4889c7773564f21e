import { join } from 'node:path';
import { startChild } from '../../../src/processes/embedded/child';
import { probeHttp } from '../../../src/processes/embedded/probes';
import { eventually } from '../../support/etcd';
import type { StartProcess } from './faulty-process';
import { FaultyProcess } from './faulty-process';
import type { FaultyServers } from './faulty-servers';

const readyTimeoutMs = 180_000;

/** What all processes of a stack have in common. */
export interface ProcessesOptions {
  readonly servers: FaultyServers;
  /** For logs and pid files. */
  readonly directory: string;
  readonly entriesDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** An api process on a port; it is up when it says that it is ready. */
export function makeApi(options: ProcessesOptions, index: number, port: number): Promise<FaultyProcess> {
  const isReady = () => probeHttp(`http://127.0.0.1:${port}/ready`).then(() => true, () => false);
  const untilUp = () => eventually(`the api process on port ${port} is ready`, isReady, readyTimeoutMs);
  return makeProcess(options, `api-${index + 1}`, 'api.js', { BERTH_API_PORT: String(port) }, untilUp);
}

/** A control process; nobody waits for it to be up, since the others do its work meanwhile. */
export function makeControl(options: ProcessesOptions, index: number): Promise<FaultyProcess> {
  return makeProcess(options, `control-${index + 1}`, 'control.js', {}, () => Promise.resolve());
}

/** A process that is not started yet, with a way of its own to each server. */
async function makeProcess(options: ProcessesOptions, name: string, entry: string, own: NodeJS.ProcessEnv, untilUp: () => Promise<void>): Promise<FaultyProcess> {
  const { servers, directory, entriesDirectory, environment } = options;
  const links = { etcd: await servers.etcd.proxy(), mongodb: await servers.mongodb.proxy(), temporal: await servers.temporal.proxy() };
  const env = {
    ...environment,
    BERTH_ETCD_ENDPOINTS: servers.etcd.addressThrough(links.etcd),
    BERTH_MONGODB_URI: servers.mongodb.addressThrough(links.mongodb),
    BERTH_TEMPORAL_ADDRESS: servers.temporal.addressThrough(links.temporal),
    ...own,
  };
  const start: StartProcess = async () => {
    const child = await startChild({ name, command: process.execPath, args: [join(entriesDirectory, entry)], env, directory, report: () => undefined });
    await Promise.race([untilUp(), child.exited]);
    return child;
  };
  return new FaultyProcess(name, links, start);
}
