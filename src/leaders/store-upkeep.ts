import {
  storeCompactGainRatio,
  storeCompactIntervalMs,
  storeCompactRatio,
  storeDefragmentGainRatio,
  storeDefragmentIntervalMs,
  storeDefragmentRatio,
  storeDisarmRatio,
  storeFullRatio,
  storeHistoryKeptMs,
  storeUpkeepIntervalMs,
  storeUrgentIntervalMs,
} from '../domain/limits';
import { pause } from '../pause';
import type { EtcdClient } from '../stores/etcd/client';
import type { Term, Vacancy } from '../stores/etcd/leadership';
import type { StoreMaintenance, StoreUsage } from '../stores/etcd/maintenance';
import type { ProjectorDependencies } from './projector';
import { drainOutbox } from './projector';

export interface UpkeepDependencies {
  readonly store: Pick<StoreMaintenance, 'usage' | 'compact' | 'defragment'> & { disarm(): Promise<unknown> };
  readonly quotaBytes: number;
  /** Told what was done, in one sentence. */
  readonly onDone: (deed: string) => void;
}

/**
 * Keeps room in etcd, whoever runs it: compacts history, defragments, and takes the NOSPACE alarm back once there is
 * room. Each of it costs everybody something, so each has a longest rate. One of these a process.
 */
export class StoreUpkeep {
  /** Revisions and when they were the newest; the first is the oldest that is still of use. */
  private seen: Array<{ readonly atMs: number; readonly revision: number }> = [];
  private compacted = { atMs: -Infinity, revision: 0, gained: true };
  /** With the compaction that it followed: without a later one it would free no more. */
  private defragmented = { atMs: -Infinity, afterCompaction: -1 };
  private disarmed = { atMs: -Infinity, allocatedBytes: Infinity };

  constructor(private readonly dependencies: UpkeepDependencies) {}

  /** Looks once how full etcd is, and does what is due. */
  async round(): Promise<void> {
    const { store, quotaBytes, onDone } = this.dependencies;
    let usage = await store.usage();
    const revision = this.compactionDue(usage);
    if (revision !== undefined) {
      const { usedBytes } = usage;
      this.compacted = { atMs: performance.now(), revision, gained: true };
      await store.compact(revision);
      usage = await store.usage();
      this.compacted = { ...this.compacted, gained: usage.usedBytes < usedBytes * (1 - storeCompactGainRatio) };
      onDone(`compacted etcd at revision ${revision}`);
    }
    if (this.defragmentationDue(usage)) {
      this.defragmented = { atMs: performance.now(), afterCompaction: this.compacted.revision };
      await store.defragment();
      const { allocatedBytes } = usage;
      usage = await store.usage();
      onDone(`defragmented etcd from ${allocatedBytes} to ${usage.allocatedBytes} bytes`);
    }
    // Without room the alarm would be raised again by the next write.
    if (usage.noSpace && this.mayDisarm(usage)) {
      this.disarmed = { atMs: performance.now(), allocatedBytes: usage.allocatedBytes };
      await store.disarm();
      onDone(`took back the NOSPACE alarm of etcd, which has ${usage.allocatedBytes} of ${quotaBytes} bytes allocated`);
    }
  }

  /** An alarm that came back with nothing freed since is about a smaller quota than the one we know: taking it back again helps nobody. */
  private mayDisarm({ allocatedBytes }: StoreUsage): boolean {
    const hasRoom = !this.isOver(allocatedBytes, storeDisarmRatio);
    const isNews = allocatedBytes < this.disarmed.allocatedBytes || performance.now() - this.disarmed.atMs >= storeDefragmentIntervalMs;
    return hasRoom && isNews;
  }

  /** The revision to compact at; undefined while there is nothing to gain, or no hurry. */
  private compactionDue(usage: StoreUsage): number | undefined {
    const nowMs = performance.now();
    this.remember(nowMs, usage.revision);
    // Where compacting gained nothing, others fill etcd, or live objects do: their history is not ours to take for that.
    const urgent = usage.noSpace || (this.compacted.gained && this.isOver(usage.usedBytes, storeFullRatio));
    if (!urgent && !this.isOver(usage.usedBytes, storeCompactRatio)) return undefined;
    if (nowMs - this.compacted.atMs < (urgent ? storeUrgentIntervalMs : storeCompactIntervalMs)) return undefined;
    // Watches resume within the history that is left. Where it has to go, they list everything anew.
    const oldest = this.seen[0]!;
    const revision = urgent ? usage.revision : nowMs - oldest.atMs >= storeHistoryKeptMs ? oldest.revision : 0;
    return revision > this.compacted.revision ? revision : undefined;
  }

  private defragmentationDue(usage: StoreUsage): boolean {
    const sinceMs = performance.now() - this.defragmented.atMs;
    const gains = this.isOver(usage.allocatedBytes - usage.usedBytes, storeDefragmentGainRatio);
    if (!usage.noSpace) return gains && this.isOver(usage.allocatedBytes, storeDefragmentRatio) && sinceMs >= storeDefragmentIntervalMs;
    // Pages that are half empty do not count as free, so what was compacted since then is reason enough.
    return sinceMs >= storeUrgentIntervalMs && (gains || this.compacted.revision > this.defragmented.afterCompaction);
  }

  /** Keeps the newest revision that is as old as history should be, and what came after it. */
  private remember(atMs: number, revision: number): void {
    this.seen.push({ atMs, revision });
    const newestOld = this.seen.findLastIndex((sample) => atMs - sample.atMs >= storeHistoryKeptMs);
    if (newestOld > 0) this.seen.splice(0, newestOld);
  }

  private isOver(bytes: number, ratio: number): boolean {
    return bytes >= this.dependencies.quotaBytes * ratio;
  }
}

type OnProblem = ProjectorDependencies['onProblem'];

/** Looks after the room in etcd for as long as the term lasts; the projector trims meanwhile. */
export async function leadUpkeep(upkeep: StoreUpkeep, onProblem: OnProblem, term: Term): Promise<void> {
  while (!term.signal.aborted) {
    await roundOf(upkeep, onProblem);
    await pause(storeUpkeepIntervalMs, term.signal);
  }
}

/**
 * What goes on when etcd is too full to elect a leader: trimming, which is made of deletes alone, and upkeep. Else the
 * store would stay full for want of a leader, and without a leader for want of room. Several processes may do so at
 * once: the record takes the same event twice, and a key is gone only once.
 */
export async function standIn(projection: ProjectorDependencies & { readonly client: EtcdClient }, upkeep: StoreUpkeep | undefined, vacancy: Vacancy): Promise<void> {
  if ((await projection.client.get(vacancy.fence.key)) !== undefined) return; // Somebody leads, and does it.
  const draining = drainOutbox(projection, vacancy).catch((cause: unknown) => projection.onProblem('trimming without a leader failed, events stay in the outbox', cause));
  await Promise.all([draining, ...(upkeep ? [roundOf(upkeep, projection.onProblem)] : [])]);
}

async function roundOf(upkeep: StoreUpkeep, onProblem: OnProblem): Promise<void> {
  await upkeep.round().catch((cause: unknown) => onProblem('keeping room in etcd failed', cause));
}
