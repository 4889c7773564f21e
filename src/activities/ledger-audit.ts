import type { ObjectReference } from '../domain/answer';
import type { LedgerFinding } from '../domain/ledger';
import { auditLedger } from '../domain/ledger';
import { auditQuotas } from '../domain/quota-audit';
import type { EtcdClient } from '../stores/etcd/client';
import type { Committer } from '../stores/etcd/committer';
import type { IdempotencyRecord } from '../stores/etcd/decisions';
import { keys } from '../stores/etcd/keys';
import { ledgerOf, quotasOf } from '../stores/etcd/ledger-state';
import type { Everything, FreshObjects } from '../stores/etcd/objects';
import type { Reports } from '../stores/mongo/reports';
import type { Clock } from './clock';

export interface LedgerReport {
  readonly reportId: string;
  readonly findings: number;
  readonly summary: string;
}

export interface LedgerAuditDependencies {
  readonly client: EtcdClient;
  readonly fresh: FreshObjects;
  readonly committer: Committer;
  readonly reports: Pick<Reports, 'insert'>;
  /** Whether an open lifecycle is there for an object. */
  readonly hasLifecycle: (object: ObjectReference) => Promise<boolean>;
  readonly nudge: (kind: ObjectReference['kind'], id: string) => void;
  readonly clock: Clock;
}

/** How many deletes go into one commit. */
const deletesPerCommit = 50;

/** The maintenance of the ledger: proves it, takes away what has expired, and leaves a report. */
export class LedgerAudit {
  constructor(private readonly dependencies: LedgerAuditDependencies) {}

  async run(): Promise<LedgerReport> {
    const { fresh, reports, clock } = this.dependencies;
    const state = await fresh.everything();
    const findings = [...auditLedger(ledgerOf(state)), ...auditQuotas(quotasOf(state)), ...(await this.missingLifecycles(state))];
    const expired = await this.removeExpiredIdempotency();
    const nowMs = clock.nowMs();
    const reportId = clock.mintId('report');
    const time = new Date(nowMs).toISOString();
    await reports.insert({ _id: reportId, kind: 'ledger-audit', time, revision: state.revision, instances: state.instances.length, workers: state.workers.length, expiredIdempotencyRecords: expired, findings });
    const summary = findings.length === 0 ? 'the ledger is right' : findings.map(({ object, message }) => `${object} ${message}`).join('; ');
    return { reportId, findings: findings.length, summary: `${state.instances.length} instances, ${state.workers.length} workers: ${summary}`.slice(0, 2_000) };
  }

  /** Every live object has its lifecycle; one that has lost it is reported, and given it back. */
  private async missingLifecycles(state: Everything): Promise<LedgerFinding[]> {
    const live: ObjectReference[] = [
      ...state.instances.filter((entries) => entries.status.value.phase !== 'TERMINATED').map(({ id }) => ({ kind: 'Instance' as const, id })),
      ...state.workers.filter((entries) => entries.status.value.phase !== 'TERMINATED').map(({ id }) => ({ kind: 'Worker' as const, id })),
    ];
    const findings: LedgerFinding[] = [];
    for (const object of live) {
      if (await this.dependencies.hasLifecycle(object)) continue;
      this.dependencies.nudge(object.kind, object.id);
      const collection = object.kind === 'Instance' ? 'instances' : 'workers';
      findings.push({ code: 'lifecycle_missing', object: `${collection}/${object.id}`, message: 'had no lifecycle and was given one' });
    }
    return findings;
  }

  private async removeExpiredIdempotency(): Promise<number> {
    const { client, committer, clock } = this.dependencies;
    const { entries, revision } = await client.list(keys.idempotencyPrefix);
    const now = new Date(clock.nowMs()).toISOString();
    const expired = entries.filter((entry) => (entry.value as IdempotencyRecord).expiresAt < now);
    for (let from = 0; from < expired.length; from += deletesPerCommit) {
      const batch = expired.slice(from, from + deletesPerCommit);
      const compares = batch.map((entry) => ({ key: entry.key, revision: entry.revision }));
      await committer.commit({ id: `idempotency/${revision}/${from}`, compares, puts: [], deletes: batch.map((entry) => entry.key), events: [] });
    }
    return expired.length;
  }
}
