import { bodiesSweptPerRunMax, bodiesSweptTogetherMax, unnamedBodyKeptMs } from '../domain/limits';
import type { BodyCollection, Sweeping } from '../stores/etcd/body-guard';
import { bodyCollections } from '../stores/etcd/body-guard';
import type { Entry, EtcdClient } from '../stores/etcd/client';
import type { Committer } from '../stores/etcd/committer';
import { unchanged } from '../stores/etcd/decisions';
import { keys } from '../stores/etcd/keys';
import type { CachedObjects } from '../stores/etcd/objects';
import type { BodyCopies, BodyCopy } from '../stores/mongo/body-copies';
import type { Reports } from '../stores/mongo/reports';
import type { RetiredObjects } from '../stores/mongo/retired-objects';
import type { UnnamedBodies } from '../stores/mongo/unnamed-bodies';
import { namedBodies } from './body-references';
import type { Clock } from './clock';
import type { MaintenanceReportSummary } from './maintenance';
import { reportOf } from './maintenance';

export interface BodySweepDependencies {
  readonly client: EtcdClient;
  readonly cached: CachedObjects;
  readonly committer: Pick<Committer, 'commit'>;
  readonly copies: Readonly<Record<BodyCollection, Pick<BodyCopies, 'list' | 'remove'>>>;
  readonly unnamed: Pick<UnnamedBodies, 'list' | 'remember' | 'forget'>;
  readonly retired: Pick<RetiredObjects, 'list'>;
  readonly reports: Pick<Reports, 'insert'>;
  readonly clock: Clock;
}

/** The cache does not come to where the store is, so that nothing can be proved to be unnamed. */
export class CacheBehindError extends Error {
  constructor(revision: number) {
    super(`the watch cache did not come to revision ${revision} in time; nothing was swept`);
    this.name = 'CacheBehindError';
  }
}

/** Somebody else sweeps, or has taken this sweep over. */
export class SweepTakenOverError extends Error {
  constructor(collection: string) {
    super(`another run sweeps ${collection}`);
    this.name = 'SweepTakenOverError';
  }
}

const cacheCatchUpMsMax = 10_000;

/**
 * Deletes bodies that nobody names: those of a commit that never came, and workloads whose last instance has retired.
 * To prove that nobody names one, its door is closed first (see `putGuarded`), then all names are listed at a later
 * revision, then it is deleted, and the door opened. A sweep that died half-way is finished first by the next one.
 */
export class BodySweep {
  constructor(private readonly dependencies: BodySweepDependencies) {}

  async run(signal: AbortSignal): Promise<MaintenanceReportSummary> {
    const swept: Partial<Record<BodyCollection, number>> = {};
    let unnamed = 0;
    for (const collection of bodyCollections) {
      await this.finishFormer(collection);
      const found = await this.unnamedOf(collection);
      unnamed += found.length;
      const candidates = (await this.longUnnamed(collection, found)).slice(0, bodiesSweptPerRunMax);
      for (let from = 0; from < candidates.length && !signal.aborted; from += bodiesSweptTogetherMax) {
        const batch = candidates.slice(from, from + bodiesSweptTogetherMax);
        swept[collection] = (swept[collection] ?? 0) + (await this.sweep(collection, batch));
      }
    }
    const total = Object.values(swept).reduce((sum, count) => sum + count, 0);
    const summary = `${unnamed} bodies were named by nobody, ${total} of them for so long that they were deleted`;
    return reportOf(this.dependencies, { kind: 'body-sweep', findings: 0, summary, report: { unnamed, swept } });
  }

  private async unnamedOf(collection: BodyCollection): Promise<readonly BodyCopy[]> {
    // Bodies first: one that is put after the names were listed would seem to be unnamed.
    const all = await this.dependencies.copies[collection].list();
    const named = await this.namesFrom(await this.dependencies.client.revision(), collection);
    return all.filter(({ hash }) => !named.has(hash));
  }

  /** Of those that are unnamed now, those that were so already long ago. Remembers the rest for later runs, and forgets who is so no more. */
  private async longUnnamed(collection: BodyCollection, found: readonly BodyCopy[]): Promise<readonly BodyCopy[]> {
    const { unnamed, clock } = this.dependencies;
    const nowMs = clock.nowMs();
    const known = (await unnamed.list()).filter((body) => body.collection === collection);
    const sinceOf = new Map(known.map((body) => [nameOf(body), body.since]));
    const present = new Set(found.map(nameOf));
    await unnamed.forget(known.filter((body) => !present.has(nameOf(body))));
    const since = new Date(nowMs).toISOString();
    await unnamed.remember(found.filter((body) => !sinceOf.has(nameOf(body))).map((body) => ({ ...body, collection, since })));
    return found.filter((body) => nowMs - Date.parse(sinceOf.get(nameOf(body)) ?? since) >= unnamedBodyKeptMs);
  }

  /** Whoever swept those died, or sleeps: they are judged anew. */
  private async finishFormer(collection: BodyCollection): Promise<void> {
    const former = await this.door(collection);
    if (former === undefined || former.value.hashes.length === 0) return;
    const all = await this.dependencies.copies[collection].list();
    await this.sweep(collection, all.filter(({ hash }) => former.value.hashes.includes(hash)), former.value.hashes);
  }

  /** Answers how many were deleted. */
  private async sweep(collection: BodyCollection, candidates: readonly BodyCopy[], hashes: readonly string[] = candidates.map(({ hash }) => hash)): Promise<number> {
    const closedAt = await this.put(collection, hashes);
    const named = await this.namesFrom(closedAt, collection);
    const unnamed = candidates.filter(({ hash }) => !named.has(hash));
    await this.dependencies.copies[collection].remove(unnamed);
    await this.put(collection, [], closedAt);
    return unnamed.length;
  }

  /** All names as they are at that revision, or a later one. */
  private async namesFrom(revision: number, collection: BodyCollection): Promise<ReadonlySet<string>> {
    const { cached, retired } = this.dependencies;
    if (!(await cached.cache.waitForRevision(revision, cacheCatchUpMsMax))) throw new CacheBehindError(revision);
    return namedBodies(collection, cached, retired);
  }

  /** Says what is being swept from now on; `after`: only if nobody else has said so since then. Answers the revision. */
  private async put(collection: BodyCollection, hashes: readonly string[], after?: number): Promise<number> {
    const key = keys.sweeping(collection);
    const present = await this.door(collection);
    if (after !== undefined && present?.revision !== after) throw new SweepTakenOverError(collection);
    const value: Sweeping = { schemaVersion: 1, hashes };
    const outcome = await this.dependencies.committer.commit({
      id: `sweeping/${collection}/${present?.revision ?? 0}`,
      compares: [unchanged(key, present)],
      puts: [{ key, value }],
      deletes: [],
      events: [],
    });
    if (outcome.kind !== 'done') throw new SweepTakenOverError(collection);
    return outcome.revision;
  }

  private async door(collection: BodyCollection): Promise<Entry<Sweeping> | undefined> {
    return (await this.dependencies.client.get(keys.sweeping(collection))) as Entry<Sweeping> | undefined;
  }
}

function nameOf({ hash, copy }: BodyCopy): string {
  return `${hash} ${copy ?? ''}`;
}
