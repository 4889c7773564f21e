import { EventEmitter } from 'node:events';
import type { KeyedEntry, EtcdClient } from './client';
import { keys, parseKey } from './keys';
import type { Telemetry } from '../../telemetry';
import { silent } from '../../telemetry';
import { ObjectIndex } from './object-index';
import type { FeedListener, FeedOptions } from './watch-feed';
import { WatchFeed } from './watch-feed';

/** One change of one key as a watch response tells it; `entry` is undefined when the key was deleted. */
export interface KeyChange {
  readonly key: string;
  readonly entry: KeyedEntry | undefined;
}

/** All changes up to one revision, applied together. `relisted` says that the whole content was replaced. */
export interface Applied {
  readonly revision: number;
  readonly changes: readonly KeyChange[];
  readonly relisted: boolean;
}

export interface CacheOptions extends Partial<FeedOptions> {
  readonly telemetry?: Telemetry;
}

/** How often somebody who waits for a revision asks for a proof of it. */
const progressAskIntervalMs = 250;

/**
 * The live state of everything, in memory, following etcd.
 *
 * - Its revision is that of the last whole watch response applied, or of a progress notification.
 * - A response is applied as a whole before anybody is told, so half a transaction is never seen.
 * - Idempotency records are dropped: nobody reads them here, and they are many.
 */
export class WatchCache {
  private index = new ObjectIndex();
  private appliedRevision = 0;
  private readonly changed = new EventEmitter().setMaxListeners(0);
  private readonly feed: WatchFeed;

  constructor(
    client: EtcdClient,
    private readonly onProblem: (problem: string, cause?: unknown) => void,
    { telemetry = silent, ...feed }: CacheOptions = {},
  ) {
    const listener: FeedListener = {
      onList: (revision, entries, why) => {
        if (why !== undefined) telemetry.cacheRelisted(why);
        this.replace(revision, entries);
      },
      onChanges: (revision, changes) => this.apply(revision, changes),
      onProgress: (revision) => this.progress(revision),
      onProblem,
    };
    this.feed = new WatchFeed(client, listener, feed);
  }

  /** Lists everything once and follows it from there; resolves when the first list is in. */
  start(): Promise<void> {
    return this.feed.start();
  }

  stop(): void {
    this.feed.stop();
  }

  /** The revision up to which this cache holds everything. */
  get revision(): number {
    return this.appliedRevision;
  }

  /** Whether the feed was heard within its proving interval; a cache that is not current may lag behind. */
  get current(): boolean {
    return this.feed.current;
  }

  /** How long ago etcd last said how far this cache is. */
  get ageMs(): number {
    return this.feed.silentMs;
  }

  get(key: string): KeyedEntry | undefined {
    return this.index.get(key);
  }

  /** Entries of one object by the part of the key after its id, e.g. `spec`, `plan/…`. */
  object(collection: string, id: string): ReadonlyMap<string, KeyedEntry> {
    return this.index.object(collection, id);
  }

  /** Everything; only while nothing is awaited is it that of one revision. */
  entries(): Iterable<KeyedEntry> {
    return this.index.entries();
  }

  /** Drops everything and takes it anew from etcd: the cache was found to be wrong. */
  relist(): void {
    this.feed.relist('different');
  }

  /** Ids of all objects of a collection. */
  ids(collection: string): string[] {
    return this.index.ids(collection);
  }

  /** All entries of a collection; for small ones such as the outbox. */
  collection(collection: string): KeyedEntry[] {
    return this.index.collection(collection);
  }

  /** Calls back after each response; returns how to stop. */
  onApplied(listener: (applied: Applied) => void): () => void {
    this.changed.on('applied', listener);
    return () => this.changed.off('applied', listener);
  }

  /** Calls back after each response that touched one object (or replaced everything); returns how to stop. */
  onObject(collection: string, id: string, listener: () => void): () => void {
    const name = `object:${collection}/${id}`;
    this.changed.on(name, listener);
    return () => this.changed.off(name, listener);
  }

  /**
   * Waits until `probe` answers something for an object, looking at each change of it.
   * Answers undefined after `timeoutMs` or when `signal` is aborted.
   */
  waitForObject<T>(
    target: { collection: string; id: string },
    probe: () => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    return this.waitOn((listener) => this.onObject(target.collection, target.id, listener), probe, timeoutMs, signal);
  }

  /** Waits until the cache holds everything up to `revision`; false after `timeoutMs`. */
  async waitForRevision(revision: number, timeoutMs: number): Promise<boolean> {
    const probe = () => (this.appliedRevision >= revision ? true : undefined);
    if (probe()) return true;
    this.feed.askProgress();
    // etcd answers only a watch that has caught up, and forgets the question of one that has not.
    const asking = setInterval(() => this.feed.askProgress(), progressAskIntervalMs);
    const reached = await this.waitOn(
      (listener) => {
        this.changed.on('revision', listener);
        return () => this.changed.off('revision', listener);
      },
      probe,
      timeoutMs,
    );
    clearInterval(asking);
    return reached === true;
  }

  private waitOn<T>(
    subscribe: (listener: () => void) => () => void,
    probe: () => T | undefined,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    const already = probe();
    if (already !== undefined || signal?.aborted) return Promise.resolve(already);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        unsubscribe();
        signal?.removeEventListener('abort', giveUp);
        settle();
      };
      const giveUp = () => finish(() => resolve(undefined));
      const unsubscribe = subscribe(() => {
        try {
          const answer = probe();
          if (answer !== undefined) finish(() => resolve(answer));
        } catch (cause) {
          finish(() => reject(cause instanceof Error ? cause : new Error('a probe failed', { cause })));
        }
      });
      const timer = setTimeout(giveUp, timeoutMs);
      signal?.addEventListener('abort', giveUp);
    });
  }

  private replace(revision: number, entries: readonly KeyedEntry[]): void {
    const before = this.index;
    this.index = new ObjectIndex();
    for (const entry of entries) this.set(entry);
    this.appliedRevision = revision;
    const changes = entries.map((entry) => ({ key: entry.key, entry }));
    this.tell({ revision, changes, relisted: true }, new Set([...before.names(), ...this.index.names()]));
  }

  private apply(revision: number, changes: readonly KeyChange[]): void {
    if (revision <= this.appliedRevision) return; // A duplicate, or older than the list it follows.
    const touched = new Set<string>();
    for (const { key, entry } of changes) {
      if (entry) this.set(entry);
      else this.index.delete(key);
      touched.add(objectName(key));
    }
    this.appliedRevision = revision;
    this.tell({ revision, changes, relisted: false }, touched);
  }

  private progress(revision: number): void {
    if (revision <= this.appliedRevision) return;
    this.appliedRevision = revision;
    this.emit('revision');
  }

  private tell(applied: Applied, touched: ReadonlySet<string>): void {
    // Those who keep views of their own first, so that nobody who waits acts on one that is older than the cache.
    this.emit('applied', applied);
    this.emit('revision');
    for (const name of touched) this.emit(`object:${name}`);
  }

  /** Each listener is on its own: one that throws must not keep a change from the others. */
  private emit(name: string, applied?: Applied): void {
    for (const listener of this.changed.listeners(name)) {
      try {
        (listener as (applied?: Applied) => void)(applied);
      } catch (cause) {
        this.onProblem(`a listener of the watch cache failed (${name})`, cause);
      }
    }
  }

  private set(entry: KeyedEntry): void {
    if (!entry.key.startsWith(keys.idempotencyPrefix)) this.index.set(entry);
  }
}

function objectName(key: string): string {
  const { collection, id } = parseKey(key);
  return `${collection}/${id}`;
}
