import { setTimeout as sleep } from 'node:timers/promises';
import type { IWatchRequest, IWatchResponse } from 'etcd3';
import { decode, EtcdClient, rangeEnd } from '../../../src/stores/etcd/client';
import { eventually } from '../../support/etcd';
import type { StoreChange, StoreGap, StoreHistory, StoreRevision } from './history';

interface Stream {
  write(request: IWatchRequest): void;
  cancel(): void;
  on(event: string, listener: (argument: never) => void): unknown;
}

const reopenDelayMs = 100;
/** A stream that never says a word, because its server was frozen, is asked this often. */
const progressIntervalMs = 500;

/**
 * Records every change under a prefix, from before the first write on: to be started before the stack. It has a watch
 * of its own, straight to etcd, and shares nothing with the product's that could be wrong in the same way.
 */
export async function recordStore(url: string, prefix: string): Promise<StoreRecorder> {
  const client = new EtcdClient({ endpoints: [url], prefix });
  try {
    const { kvs, header } = await client.raw.kv.range({ key: client.key(''), range_end: rangeEnd(client.key('')), limit: 1, keys_only: true });
    // What is there already was written before: all of it is wanted, and what is compacted shows as a gap.
    return new StoreRecorder(client, kvs.length === 0 ? Number(header.revision) : 0);
  } catch (error) {
    client.close();
    throw error;
  }
}

/** A recording that goes on until it is stopped, over restarts of etcd. */
export class StoreRecorder {
  private readonly revisions: StoreRevision[] = [];
  private readonly gaps: StoreGap[] = [];
  private stream: Stream | undefined;
  private stopped = false;
  private readonly following: Promise<void>;

  constructor(
    private readonly client: EtcdClient,
    /** The revision up to which everything is recorded. */
    private recordedUpTo: number,
  ) {
    this.following = this.follow();
  }

  history(): StoreHistory {
    return { revisions: [...this.revisions], gaps: [...this.gaps] };
  }

  /** Waits until everything up to a revision is recorded. */
  async upTo(revision: number, timeoutMs = 120_000): Promise<void> {
    this.askProgress();
    await eventually(`etcd's revisions up to ${revision} are recorded`, () => this.recordedUpTo >= revision, timeoutMs);
  }

  /** Waits until everything that has happened by now is recorded. */
  async upToPresent(timeoutMs?: number): Promise<void> {
    await this.upTo(await this.client.revision(), timeoutMs);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.stream?.cancel();
    await this.following;
    this.client.close();
  }

  private askProgress(): void {
    this.stream?.write({ progress_request: {} });
  }

  private async follow(): Promise<void> {
    while (!this.stopped) {
      // Without its server a stream cannot even be opened; both are the same here: try again.
      await this.watchOnce().catch(() => undefined);
      await sleep(reopenDelayMs);
    }
  }

  /** One stream, from the revision after the last one recorded, until it ends. */
  private async watchOnce(): Promise<void> {
    this.noteRollback(await this.client.revision());
    const stream = (await this.client.raw.watchClient.watch()) as unknown as Stream;
    this.stream = stream;
    if (this.stopped) stream.cancel();
    const asking = setInterval(() => this.askProgress(), progressIntervalMs);
    try {
      await this.recordUntilEnd(stream);
    } finally {
      clearInterval(asking);
      this.stream = undefined;
      stream.cancel();
    }
  }

  private recordUntilEnd(stream: Stream): Promise<void> {
    return new Promise((resolve) => {
      let ended = false;
      let fragments: IWatchResponse[] = [];
      const end = () => {
        ended = true;
        resolve();
      };
      stream.on('data', (response: IWatchResponse) => {
        // Its header's revision runs ahead of the events that are still to come.
        if (ended || response.created) return;
        if (response.canceled) {
          this.noteCompaction(Number(response.compact_revision));
          end();
          return;
        }
        // A large transaction comes in parts, of which none is a transaction; what is not whole comes again.
        fragments.push(response);
        if (response.fragment) return;
        this.take(fragments.flatMap(({ events }) => events));
        fragments = [];
        if (response.events.length === 0) this.recordedUpTo = Math.max(this.recordedUpTo, Number(response.header.revision));
      });
      stream.on('error', end);
      stream.on('end', end);
      const key = this.client.key('');
      stream.write({
        create_request: { key, range_end: rangeEnd(key), start_revision: String(this.recordedUpTo + 1), progress_notify: true, fragment: true },
      });
    });
  }

  /** The events of a whole response, grouped by transaction. */
  private take(events: IWatchResponse['events']): void {
    const revisions = new Map<number, StoreChange[]>();
    for (const { type, kv } of events) {
      const revision = Number(kv.mod_revision);
      const key = this.client.relative(kv.key);
      // Typed as `Delete`, on the wire `DELETE`.
      const change: StoreChange = type.toUpperCase() === 'DELETE' ? { key, deleted: true } : { key, value: readable(kv.value) };
      const changes = revisions.get(revision);
      if (changes) changes.push(change);
      else revisions.set(revision, [change]);
    }
    for (const [revision, changes] of revisions) {
      this.revisions.push({ revision, changes });
      this.recordedUpTo = revision;
    }
  }

  /** etcd no longer knows what comes next. What it still knows begins after the revision that it compacted at. */
  private noteCompaction(compactRevision: number): void {
    if (compactRevision <= this.recordedUpTo) return;
    this.gaps.push({ from: this.recordedUpTo + 1, to: compactRevision, reason: 'etcd compacted them' });
    this.recordedUpTo = compactRevision;
  }

  /** An etcd that has forgotten what it told cannot be followed: its next revisions carry old numbers. */
  private noteRollback(revision: number): void {
    if (revision >= this.recordedUpTo) return;
    this.gaps.push({ from: revision + 1, to: this.recordedUpTo, reason: `etcd came back at revision ${revision}, and had told of ${this.recordedUpTo}` });
    this.recordedUpTo = revision;
  }
}

function readable(bytes: Buffer): unknown {
  try {
    return decode(bytes);
  } catch {
    return { unreadable: bytes.toString() };
  }
}
