import { setTimeout as sleep } from 'node:timers/promises';
import type { IKeyValue, IResponseHeader, IWatchRequest, IWatchResponse } from 'etcd3';
import { watchProgressIntervalMs, watchSilenceMsMax } from '../../domain/limits';
import type { RelistReason } from '../../telemetry';
import type { EtcdClient, KeyedEntry } from './client';
import { rangeEnd } from './client';
import { pagesOf } from './pages';
import type { KeyChange } from './watch-cache';

export interface FeedListener {
  /** Everything there is; `why` it was listed anew, undefined the first time. */
  onList(revision: number, entries: readonly KeyedEntry[], why: RelistReason | undefined): void;
  onChanges(revision: number, changes: readonly KeyChange[]): void;
  onProgress(revision: number): void;
  onProblem(problem: string, cause?: unknown): void;
}

export interface FeedOptions {
  readonly progressIntervalMs: number;
  readonly silenceMsMax: number;
}

/** How a stream ended, and whether what follows is to begin with a list. */
interface Ended {
  readonly relist?: RelistReason;
  readonly cause?: unknown;
}

const relistReasons: Readonly<Record<RelistReason, string>> = {
  compacted: 'etcd compacted what this cache had not seen yet',
  replaced: 'another store, or an older copy of it, is where etcd was',
  different: 'the cache differs from etcd',
};

const reopenDelayMs = 200;
const listPageSize = 1_000;

interface Stream {
  write(request: IWatchRequest): void;
  end(): void;
  cancel(): void;
  on(event: string, listener: (argument: never) => void): unknown;
}

/**
 * List once, then watch for ever: hands on every change under the prefix, in order, with no gap.
 * It opens its own watch streams, because etcd3's watcher resumes at a revision that it has not delivered yet
 * and cannot ask for progress.
 */
export class WatchFeed {
  private stopped = false;
  private stream: Stream | undefined;
  private endStream: ((ended: Ended) => void) | undefined;
  private clusterId: string | undefined;
  private deliveredRevision = 0;
  private heardAt = 0;
  private readonly options: FeedOptions;

  constructor(
    private readonly client: EtcdClient,
    private readonly listener: FeedListener,
    options: Partial<FeedOptions> = {},
  ) {
    this.options = { progressIntervalMs: watchProgressIntervalMs, silenceMsMax: watchSilenceMsMax, ...options };
  }

  get current(): boolean {
    return this.silentMs < this.options.silenceMsMax;
  }

  get silentMs(): number {
    return Date.now() - this.heardAt;
  }

  async start(): Promise<void> {
    await this.list();
    void this.follow();
  }

  stop(): void {
    this.stopped = true;
    this.stream?.cancel();
  }

  /** Asks for a progress notification now, which arrives as soon as everything before it was delivered. */
  askProgress(): void {
    this.stream?.write({ progress_request: {} });
  }

  /** Takes everything anew, and goes on from there. */
  relist(why: RelistReason): void {
    this.endStream?.({ relist: why });
  }

  private async follow(): Promise<void> {
    while (!this.stopped) {
      const ended = await this.watchOnce().catch((cause: unknown): Ended => ({ cause }));
      if (this.stopped) return;
      if (ended.cause !== undefined) this.listener.onProblem('the watch on etcd ended, opening a new one', ended.cause);
      if (ended.relist !== undefined) await this.listAnew(ended.relist);
      await sleep(reopenDelayMs);
    }
  }

  private async listAnew(why: RelistReason): Promise<void> {
    this.listener.onProblem(`${relistReasons[why]}, listing everything anew`);
    await this.list(why).catch((cause: unknown) => this.listener.onProblem('listing failed', cause));
  }

  /** Pages of one list at one revision, so that the list is what was there at one moment. */
  private async list(why?: RelistReason): Promise<void> {
    const prefix = this.client.key('');
    const entries: KeyedEntry[] = [];
    let header: IResponseHeader | undefined;
    for await (const page of pagesOf(this.client, { from: prefix, to: rangeEnd(prefix), pageSize: listPageSize })) {
      header ??= page.header;
      entries.push(...page.kvs.flatMap((kv) => this.entryOf(kv) ?? []));
    }
    const { revision, cluster_id: clusterId } = header!; // There is at least one page.
    this.deliveredRevision = Number(revision);
    this.clusterId = clusterId;
    this.heardAt = Date.now();
    this.listener.onList(this.deliveredRevision, entries, why);
  }

  /** One stream, from the revision after the last one delivered, until it ends. */
  private async watchOnce(): Promise<Ended> {
    const prefix = this.client.key('');
    const stream = (await this.client.raw.watchClient.watch()) as unknown as Stream;
    this.stream = stream;
    if (this.stopped) stream.cancel();
    return new Promise((resolve) => {
      const openedAt = Date.now();
      const timer = setInterval(() => {
        const silentMs = Date.now() - Math.max(this.heardAt, openedAt);
        if (silentMs > this.options.silenceMsMax) end({ cause: new Error(`the stream is silent for ${silentMs} ms`) });
        else stream.write({ progress_request: {} });
      }, this.options.progressIntervalMs);
      let isOver = false;
      const end = (ended: Ended) => {
        // What is said of it later must not touch the stream that follows it.
        if (isOver) return;
        isOver = true;
        clearInterval(timer);
        this.stream = undefined;
        this.endStream = undefined;
        stream.cancel();
        resolve(ended);
      };
      this.endStream = end;
      stream.on('data', (response: IWatchResponse) => {
        // What is still buffered may lie behind a gap; the next stream brings it again.
        if (isOver) return;
        if (response.canceled) {
          this.client.forgetToken();
          const cause = new Error(response.cancel_reason || 'etcd cancelled the watch');
          end(Number(response.compact_revision) > 0 ? { relist: 'compacted', cause } : { cause });
        } else this.deliver(response, end);
      });
      stream.on('error', (cause: Error) => end({ cause }));
      stream.on('end', () => end({ cause: new Error('etcd closed the stream') }));
      stream.write({
        create_request: {
          key: prefix,
          range_end: rangeEnd(prefix),
          start_revision: String(this.deliveredRevision + 1),
          progress_notify: true,
        },
      });
    });
  }

  /** An exception here would end the process through the stream's event, so it ends the stream instead. */
  private deliver(response: IWatchResponse, end: (ended: Ended) => void): void {
    try {
      this.heardAt = Date.now();
      if (response.created) {
        // Its header's revision runs ahead of the events that are still to come, unless it is not the store that it was.
        if (this.looksReplaced(response.header)) void this.endIfReplaced(end);
        return;
      }
      if (response.events.length === 0) {
        this.deliveredRevision = Math.max(this.deliveredRevision, Number(response.header.revision));
        this.listener.onProgress(this.deliveredRevision);
        return;
      }
      for (const { revision, changes } of this.byRevision(response)) {
        if (revision <= this.deliveredRevision) continue;
        this.listener.onChanges(revision, changes);
        this.deliveredRevision = revision;
      }
    } catch (cause) {
      end({ cause });
    }
  }

  /** An empty store takes a watch from a revision that it has not reached for a wish, and is silent for as long. */
  private looksReplaced({ cluster_id, revision }: IResponseHeader): boolean {
    return cluster_id !== this.clusterId || Number(revision) < this.deliveredRevision;
  }

  /** One member of a cluster may lag behind the others; the cluster as a whole never goes back. */
  private async endIfReplaced(end: (ended: Ended) => void): Promise<void> {
    try {
      const { header } = await this.client.raw.kv.range({ key: this.client.key(''), count_only: true });
      if (this.looksReplaced(header)) end({ relist: 'replaced' });
    } catch (cause) {
      end({ cause });
    }
  }

  /** The events of a response grouped by transaction, in order. */
  private byRevision(response: IWatchResponse): Array<{ revision: number; changes: KeyChange[] }> {
    const groups: Array<{ revision: number; changes: KeyChange[] }> = [];
    for (const event of response.events) {
      const revision = Number(event.kv.mod_revision);
      const deleted = event.type.toUpperCase() === 'DELETE'; // Typed as `Delete`, on the wire `DELETE`.
      const change: KeyChange = { key: this.client.relative(event.kv.key), entry: deleted ? undefined : this.entryOf(event.kv) };
      const last = groups[groups.length - 1];
      if (last?.revision === revision) last.changes.push(change);
      else groups.push({ revision, changes: [change] });
    }
    return groups;
  }

  /** A value that is not JSON, put there by another hand, counts as absent: else it would stop the feed for good. */
  private entryOf(kv: IKeyValue): KeyedEntry | undefined {
    try {
      return this.client.entry(kv);
    } catch (cause) {
      this.listener.onProblem(`the value of ${this.client.relative(kv.key)} cannot be read, it is left out`, cause);
      return undefined;
    }
  }
}
