import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import { findBinary } from '../../src/processes/embedded/binaries';
import { startEtcd } from '../../src/processes/embedded/etcd';
import type { RunningServer } from '../../src/processes/embedded/server';
import type { EventDraft } from '../../src/domain/events';
import { EtcdClient } from '../../src/stores/etcd/client';
import type { Decision, SharedChange } from '../../src/stores/etcd/commit';
import { at } from './domain-objects';
import { freshPrefix, testServers } from './servers';

const clients: EtcdClient[] = [];

/** A connection of its own to the etcd of this test run, below a prefix that nobody else has; closed by `closeClients`. */
export function openClient(options: { prefix?: string; url?: string; requestTimeoutMs?: number } = {}): EtcdClient {
  const { prefix = `${freshPrefix()}/`, url = testServers().etcd, requestTimeoutMs } = options;
  const client = new EtcdClient({ endpoints: [url], prefix, ...(requestTimeoutMs !== undefined && { requestTimeoutMs }) });
  clients.push(client);
  return client;
}

export function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

/** An etcd that a test may stop, kill and start again on the same data and port. */
export class OwnEtcd {
  private constructor(
    private server: RunningServer,
    private readonly start: (port?: number) => Promise<RunningServer>,
    private readonly removeDirectory: () => void,
  ) {}

  static async start(): Promise<OwnEtcd> {
    const report = () => undefined;
    const directory = await createRunDirectory('etcd', report);
    const binary = await findBinary('etcd', { report });
    const start = (port?: number) => startEtcd({ directory: directory.path, binary, report, unsafeNoFsync: true, ...(port !== undefined && { port }) });
    return new OwnEtcd(await start(), start, () => directory.remove());
  }

  get url(): string {
    return this.server.address;
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.server.child.kill('SIGKILL');
    await this.server.child.exited;
  }

  async startAgain(): Promise<void> {
    this.server = await this.start(Number(new URL(this.url).port));
  }

  /** The process stands still, with its connections open. */
  freeze(): void {
    process.kill(this.server.child.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.server.child.pid, 'SIGCONT');
  }

  async remove(): Promise<void> {
    await this.server.child.stop();
    this.removeDirectory();
  }
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
export async function eventually(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
