import { retirementsPerRunMax, retirementsPerSecondMax } from '../domain/limits';
import { deletedAt, isPastRetention, terminatedAt } from '../domain/retirement';
import { withoutSecret } from '../domain/worker';
import { pause } from '../pause';
import type { EtcdClient } from '../stores/etcd/client';
import type { OutboxValue } from '../stores/etcd/commit';
import type { Committer } from '../stores/etcd/committer';
import { readEpochs } from '../stores/etcd/epoch';
import type { CachedObjects, DefinitionEntries, InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import { outboxOf } from '../stores/etcd/outbox';
import type { RetiringCollection } from '../stores/etcd/retirement-decision';
import { heldParts, retirementDecision } from '../stores/etcd/retirement-decision';
import { RecordConflictError } from '../stores/mongo/errors';
import type { Reports } from '../stores/mongo/reports';
import type { RetiredObject, RetiredObjects } from '../stores/mongo/retired-objects';
import type { Clock } from './clock';
import type { MaintenanceReportSummary } from './maintenance';
import { findingsReportedMax, reportOf } from './maintenance';
import { presentWorkflowRun } from './workflow-run';

export interface RetirementDependencies {
  readonly client: EtcdClient;
  readonly cached: CachedObjects;
  readonly committer: Pick<Committer, 'commit'>;
  readonly retired: Pick<RetiredObjects, 'insert' | 'removeOther'>;
  readonly reports: Pick<Reports, 'insert'>;
  /** How long what has ended stays. */
  readonly retentionMs: number;
  readonly clock: Clock;
}

/** An object that has ended, as the cache had it. */
interface Ended {
  readonly collection: RetiringCollection;
  readonly entries: InstanceEntries | WorkerEntries | DefinitionEntries;
  readonly endedAt: string;
}

type Outcome = 'retired' | 'later' | 'changed';

const cacheCatchUpMsMax = 10_000;

/**
 * Moves what has long ended from etcd to MongoDB: its document first, then one commit that finds it unchanged and takes
 * it away. A run that dies in between is repeated by the next one. Names that were claimed stay claimed.
 */
export class Retirement {
  constructor(private readonly dependencies: RetirementDependencies) {}

  /** Retires what is due, at a bounded rate and up to a bounded number; what is left is the next run's. */
  async run(signal: AbortSignal): Promise<MaintenanceReportSummary> {
    const { client, cached, clock } = this.dependencies;
    await cached.cache.waitForRevision(await client.revision(), cacheCatchUpMsMax);
    const epochs = await readEpochs(client);
    // Opening one is for processes that start: here it would be that of a store which took the place of ours.
    if (epochs === undefined) throw new Error('etcd holds no epoch; nothing was retired');
    const { epoch } = epochs;
    // Both at one revision, and the commit finds the object as it was then: no event of it can be missing from the record.
    const due = this.due(clock.nowMs());
    const unrecorded = this.subjectsInOutbox();
    const counts: Record<Outcome, number> = { retired: 0, later: 0, changed: 0 };
    const failures: string[] = [];
    for (let from = 0; from < Math.min(due.length, retirementsPerRunMax) && !signal.aborted; from += retirementsPerSecondMax) {
      if (from > 0) await pause(1_000, signal);
      for (const ended of due.slice(from, from + retirementsPerSecondMax)) {
        // What cannot retire, for instance since a newer program wrote it, keeps nobody else from it.
        const outcome = await this.retire(ended, epoch, unrecorded).catch((error: unknown) => void failures.push(`${ended.collection}/${ended.entries.id}: ${String(error)}`));
        if (outcome !== undefined) counts[outcome] += 1;
        if (signal.aborted) break;
      }
    }
    const summary = `${counts.retired} retired, ${due.length - counts.retired} not yet`;
    const report = { due: due.length, ...counts, failures: failures.slice(0, findingsReportedMax) };
    return reportOf(this.dependencies, { kind: 'retirement', findings: failures.length, summary, report });
  }

  /** What has ended long enough ago, the longest first. */
  private due(nowMs: number): Ended[] {
    const { cached, retentionMs } = this.dependencies;
    const ended = (collection: RetiringCollection, entries: Ended['entries'], endedAt: string | undefined): Ended[] =>
      endedAt !== undefined && isPastRetention(endedAt, nowMs, retentionMs) ? [{ collection, entries, endedAt }] : [];
    const due = [
      ...cached.instances().flatMap((entries) => ended('instances', entries, terminatedAt(entries.status.value))),
      ...cached.workers().flatMap((entries) => ended('workers', entries, terminatedAt(entries.status.value))),
      ...cached.definitions().flatMap((entries) => ended('definitions', entries, deletedAt(entries.status.value))),
    ];
    return due.sort((one, other) => (one.endedAt < other.endedAt ? -1 : 1));
  }

  private async retire({ collection, entries, endedAt }: Ended, epoch: number, unrecorded: ReadonlySet<string>): Promise<Outcome> {
    const { cached, committer, clock } = this.dependencies;
    if (unrecorded.has(entries.id) || heldParts(cached.cache.object(collection, entries.id)).length > 0) return 'later';
    await this.insert(collection, retiredObject(entries, epoch, endedAt));
    const moment = { time: new Date(clock.nowMs()).toISOString(), workflowRun: presentWorkflowRun() };
    const outcome = await committer.commit(retirementDecision(collection, entries, moment));
    return outcome.kind === 'done' ? 'retired' : 'changed';
  }

  private subjectsInOutbox(): ReadonlySet<string> {
    return new Set(outboxOf(this.dependencies.cached.cache).flatMap(({ value }) => (value as OutboxValue).events.map(({ subject }) => subject)));
  }

  /** An earlier run may have left a document of the object as it was then. That counts for nothing, as long as the object is there. */
  private async insert(collection: RetiringCollection, object: RetiredObject): Promise<void> {
    const { client, retired } = this.dependencies;
    try {
      await retired.insert(object);
    } catch (error) {
      if (!(error instanceof RecordConflictError)) throw error;
      const { entries } = await client.list(`${collection}/${object.id}/`);
      if (entries.length === 0) return; // Another run was faster, and the commit will say so.
      await retired.removeOther(error);
      await retired.insert(object);
    }
  }
}

function retiredObject({ id, spec, status }: Ended['entries'], epoch: number, endedAt: string): RetiredObject {
  return {
    id,
    kind: spec.value.kind,
    spec: spec.value,
    status: 'agentTokenHash' in status.value ? withoutSecret(status.value) : status.value,
    specRevision: spec.revision,
    statusRevision: status.revision,
    epoch,
    endedAt,
  };
}
