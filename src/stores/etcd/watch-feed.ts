import { setTimeout as sleep } from 'node:timers/promises';
import type { IKeyValue, IWatchRequest, IWatchResponse } from 'etcd3';
import type { EtcdClient, KeyedEntry } from './client';
import { rangeEnd } from './client';
import type { KeyChange } from './watch-cache';

export interface FeedListener {
  onList(revision: number, entries: readonly KeyedEntry[]): void;
  onChanges(revision: number, changes: readonly KeyChange[]): void;
  onProgress(revision: number): void;
  onProblem(problem: string, cause?: unknown): void;
}

/** How often the feed asks etcd to prove that nothing was missed while nothing happened. */
const progressIntervalMs = 10_000;
/** A stream that has been silent for this long is taken for dead and opened anew. */
const silenceMsMax = 30_000;
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
  private deliveredRevision = 0;
  private heardAt = 0;

  constructor(
    private readonly client: EtcdClient,
    private readonly listener: FeedListener,
  ) {}

  get current(): boolean {
    return this.silentMs < silenceMsMax;
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

  private async follow(): Promise<void> {
    while (!this.stopped) {
      const ended = await this.watchOnce().catch((cause: unknown) => ({ compacted: false, cause }));
      if (this.stopped) return;
      if (ended.cause !== undefined) this.listener.onProblem('the watch on etcd ended, opening a new one', ended.cause);
      if (ended.compacted) await this.relist();
      await sleep(reopenDelayMs);
    }
  }

  private async relist(): Promise<void> {
    this.listener.onProblem('etcd compacted what this cache had not seen yet, listing everything anew');
    await this.list().catch((cause: unknown) => this.listener.onProblem('listing failed', cause));
  }

  /** Pages of one list at one revision, so that the list is what was there at one moment. */
  private async list(): Promise<void> {
    const prefix = this.client.key('');
    const entries: KeyedEntry[] = [];
    let revision: string | undefined;
    let from = prefix;
    for (;;) {
      const page = await this.client.raw.kv.range({ key: from, range_end: rangeEnd(prefix), limit: listPageSize, ...(revision !== undefined && { revision }) });
      revision ??= page.header.revision;
      entries.push(...page.kvs.flatMap((kv) => this.entryOf(kv) ?? []));
      if (!page.more) break;
      from = Buffer.concat([page.kvs[page.kvs.length - 1]!.key, Buffer.from([0])]);
    }
    this.deliveredRevision = Number(revision);
    this.heardAt = Date.now();
    this.listener.onList(this.deliveredRevision, entries);
  }

  /** One stream, from the revision after the last one delivered, until it ends. */
  private async watchOnce(): Promise<{ compacted: boolean; cause: unknown }> {
    const prefix = this.client.key('');
    const stream = (await this.client.raw.watchClient.watch()) as unknown as Stream;
    this.stream = stream;
    if (this.stopped) stream.cancel();
    return new Promise((resolve) => {
      const openedAt = Date.now();
      const timer = setInterval(() => {
        const silentMs = Date.now() - Math.max(this.heardAt, openedAt);
        if (silentMs > silenceMsMax) end(false, new Error(`the stream is silent for ${silentMs} ms`));
        else stream.write({ progress_request: {} });
      }, progressIntervalMs);
      let ended = false;
      const end = (compacted: boolean, cause: unknown) => {
        ended = true;
        clearInterval(timer);
        this.stream = undefined;
        stream.cancel();
        resolve({ compacted, cause });
      };
      stream.on('data', (response: IWatchResponse) => {
        // What is still buffered may lie behind a gap; the next stream brings it again.
        if (ended) return;
        if (response.canceled) {
          const compacted = Number(response.compact_revision) > 0;
          end(compacted, new Error(response.cancel_reason || 'etcd cancelled the watch'));
        } else this.deliver(response, end);
      });
      stream.on('error', (error: Error) => end(false, error));
      stream.on('end', () => end(false, new Error('etcd closed the stream')));
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
  private deliver(response: IWatchResponse, end: (compacted: boolean, cause: unknown) => void): void {
    try {
      this.heardAt = Date.now();
      if (response.created) return; // Its header revision runs ahead of the events that are still to come.
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
      end(false, cause);
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
