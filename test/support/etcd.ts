import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EventDraft } from '../../src/domain/events';
import { findBinary } from '../../src/processes/embedded/binaries';
import type { Child } from '../../src/processes/embedded/child';
import { probeHttp } from '../../src/processes/embedded/probes';
import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import type { ServerPlan } from '../../src/processes/embedded/server';
import { startServer } from '../../src/processes/embedded/server';
import type { EtcdAccess } from '../../src/stores/etcd/access';
import { EtcdClient } from '../../src/stores/etcd/client';
import type { Decision, SharedChange } from '../../src/stores/etcd/commit';
import { at } from './domain-objects';
import { freshPrefix, testServers } from './servers';

const clients: EtcdClient[] = [];

/** A connection of its own to the etcd of this test run, below a prefix that nobody else has; closed by `closeClients`. */
export function openClient(options: { prefix?: string; url?: string; requestTimeoutMs?: number; access?: EtcdAccess } = {}): EtcdClient {
  const { prefix = `${freshPrefix()}/`, url = testServers().etcd, requestTimeoutMs, access } = options;
  const client = new EtcdClient({ endpoints: [url], prefix, access, ...(requestTimeoutMs !== undefined && { requestTimeoutMs }) });
  clients.push(client);
  return client;
}

export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

export interface OwnEtcdOptions {
  /** etcd's own default, 2 GiB, unless given. */
  readonly quotaBytes?: number;
  /** Further flags. */
  readonly flags?: readonly string[];
  /** Fills the data directory before etcd starts on it. */
  readonly prepare?: (dataDirectory: string) => Promise<void>;
}

/**
 * An etcd with nothing but its own defaults, as somebody else's would be, that a test may freeze, kill and start again
 * on the same data and port.
 */
export class OwnEtcd {
  private constructor(
    private child: Child,
    readonly url: string,
    private readonly start: (port: number) => ReturnType<typeof startServer>,
    private readonly directory: string,
    private readonly removeDirectory: () => void,
  ) {}

  static async start(options: OwnEtcdOptions = {}): Promise<OwnEtcd> {
    const report = () => undefined;
    const directory = await createRunDirectory('etcd', report);
    await options.prepare?.(join(directory.path, 'etcd'));
    const binary = await findBinary('etcd', { report });
    const start = (port?: number) => startServer(plainEtcd(directory.path, options), { directory: directory.path, binary, report, ...(port !== undefined && { port }) });
    const { child, ports } = await start();
    return new OwnEtcd(child, `http://127.0.0.1:${ports[0]}`, start, directory.path, () => directory.remove());
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  async startAgain(): Promise<void> {
    this.child = (await this.start(Number(new URL(this.url).port))).child;
  }

  /** Another etcd is there instead, on the same port, with nothing in it. */
  async startAgainEmpty(): Promise<void> {
    await this.kill();
    rmSync(join(this.directory, 'etcd'), { recursive: true });
    await this.startAgain();
  }

  /** The process stands still, with its connections open. */
  freeze(): void {
    process.kill(this.child.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.child.pid, 'SIGCONT');
  }

  async remove(): Promise<void> {
    this.thaw();
    await this.child.stop();
    this.removeDirectory();
  }
}

function plainEtcd(directory: string, { quotaBytes, flags = [] }: OwnEtcdOptions): ServerPlan {
  return {
    name: 'etcd',
    ports: 2,
    args: ([client, peer]) => [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      '--log-level=warn',
      '--unsafe-no-fsync',
      ...flags,
      ...(quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`]),
    ],
    probe: async ([client]) => {
      const health = await probeHttp(`http://127.0.0.1:${client}/health`);
      if (!health.includes('"health":"true"')) throw new Error(health);
    },
  };
}

export function event(subject: string, data: EventDraft['data'] = {}): EventDraft {
  return { type: 'berth.instance.updated', schemaVersion: 1, org: 'default', project: 'default', kind: 'Instance', subject, sequence: 1, time: at(0), cause: { actor: 'test' }, data };
}

/** A decision that creates one key, with one event, but for what is said. */
export function creating(id: string, differences: Partial<Decision> = {}): Decision {
  const key = `instances/${id}/state`;
  return { id: `instances/${id}/0/create`, compares: [{ key, revision: 0 }], puts: [{ key, value: { schemaVersion: 1, id } }], deletes: [], events: [event(id)], ...differences };
}

/** Counts something under a hot key, up to a bound. */
export function counting(group: string, by = 1, max = Infinity): NonNullable<Decision['shared']> {
  const key = `workers/${group}/capacity`;
  const change: SharedChange = {
    key,
    apply: (current) => {
      const { count = 0 } = (current ?? {}) as { count?: number };
      if (count + by > max) return { refused: { code: 'Full', message: `${count} of ${max} are taken` } };
      return { value: { schemaVersion: 1, count: count + by } };
    },
  };
  return { group, changes: [change] };
}

/** Waits until something is so; fails after a bound, saying what was waited for. */
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
