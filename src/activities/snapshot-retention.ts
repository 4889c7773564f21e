import { snapshotRetentionMsMax, snapshotsDeletedPerRunMax, snapshotsDeletedTogetherMax } from '../domain/limits';
import type { CachedObjects } from '../stores/etcd/objects';
import type { Reports } from '../stores/mongo/reports';
import type { Snapshots } from '../stores/mongo/snapshots';
import type { Clock } from './clock';
import type { MaintenanceReportSummary } from './maintenance';
import { reportOf } from './maintenance';

export interface SnapshotRetentionDependencies {
  readonly cached: CachedObjects;
  readonly snapshots: Pick<Snapshots, 'before' | 'remove'>;
  readonly reports: Pick<Reports, 'insert'>;
  /** How long snapshots are kept. */
  readonly snapshotRetentionMs: number;
  readonly clock: Clock;
}

/**
 * Deletes snapshots that are old, never events: whoever misses a snapshot makes it anew from the log. The newest one of
 * an object that lives stays however old it is, so that its next event need not read all those before it.
 */
export class SnapshotRetention {
  constructor(private readonly dependencies: SnapshotRetentionDependencies) {}

  async run(signal: AbortSignal): Promise<MaintenanceReportSummary> {
    const { snapshots, snapshotRetentionMs, clock } = this.dependencies;
    const startedMs = clock.nowMs();
    const before = new Date(startedMs - snapshotRetentionMs).toISOString();
    const newest = this.newestOfTheLiving();
    const found = await snapshots.before(before, snapshotsDeletedPerRunMax + newest.size);
    const old = found.filter(({ subject, sequence }) => newest.get(subject) !== sequence).slice(0, snapshotsDeletedPerRunMax);
    let deleted = 0;
    while (deleted < old.length && !signal.aborted && clock.nowMs() - startedMs < snapshotRetentionMsMax) {
      const batch = old.slice(deleted, deleted + snapshotsDeletedTogetherMax);
      await snapshots.remove(batch);
      deleted += batch.length;
    }
    const summary = `${deleted} snapshots from before ${before} deleted`;
    return reportOf(this.dependencies, { kind: 'snapshot-retention', findings: 0, summary, report: { before, deleted, left: old.length - deleted } });
  }

  /** The number of the last event of each object in etcd. */
  private newestOfTheLiving(): ReadonlyMap<string, number> {
    const { cached } = this.dependencies;
    const withStatus = [...cached.instances(), ...cached.workers(), ...cached.definitions()];
    return new Map([
      ...withStatus.map(({ id, spec, status }) => [id, Math.max(spec.value.sequence, status.value.sequence)] as const),
      ...cached.templates().map(({ id, spec }) => [id, spec.value.sequence] as const),
    ]);
  }
}
