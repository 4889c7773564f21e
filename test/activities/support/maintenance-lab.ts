import type { BodySweepDependencies } from '../../../src/activities/body-sweep';
import { BodySweep } from '../../../src/activities/body-sweep';
import { Retirement } from '../../../src/activities/retirement';
import type { Clock } from '../../../src/activities/clock';
import { PermanentRecord } from '../../../src/leaders/permanent-record';
import { drainOutbox } from '../../../src/leaders/projector';
import type { BodyCollection } from '../../../src/stores/etcd/body-guard';
import type { Committer } from '../../../src/stores/etcd/committer';
import { absent } from '../../../src/stores/etcd/decisions';
import { keys } from '../../../src/stores/etcd/keys';
import { AuditEvents } from '../../../src/stores/mongo/audit-events';
import { BodyCopies } from '../../../src/stores/mongo/body-copies';
import { Reports } from '../../../src/stores/mongo/reports';
import { RetiredObjects } from '../../../src/stores/mongo/retired-objects';
import { Snapshots } from '../../../src/stores/mongo/snapshots';
import { UnnamedBodies } from '../../../src/stores/mongo/unnamed-bodies';
import { Lifecycle } from '../../api/support/lifecycle';
import { Objects } from '../../api/support/objects';
import { definitions, instances, workers } from '../../api/support/objects';
import type { TestApi } from '../../api/support/test-api';

export const hourMs = 60 * 60 * 1000;
export const retentionMs = 24 * hourMs;

/** A clock so far ahead of the one that objects are made by. */
export function clockAhead(aheadMs: number): Clock {
  let minted = 0;
  const name = Math.random().toString(36).slice(2);
  return { nowMs: () => Date.now() + aheadMs, mintId: (prefix) => `${prefix}-${name}-${++minted}` };
}

/** An API with objects that have ended, the record, and maintenance on them. */
export class MaintenanceLab {
  readonly objects: Objects;
  readonly lifecycle: Lifecycle;
  readonly retired: RetiredObjects;
  readonly snapshots: Snapshots;
  readonly auditEvents: AuditEvents;
  readonly reports: Reports;
  readonly unnamed: UnnamedBodies;
  readonly copies: Readonly<Record<BodyCollection, BodyCopies>>;

  constructor(readonly api: TestApi) {
    this.objects = new Objects(api);
    this.lifecycle = new Lifecycle(api);
    this.retired = new RetiredObjects(api.mongo);
    this.snapshots = new Snapshots(api.mongo);
    this.auditEvents = new AuditEvents(api.mongo);
    this.reports = new Reports(api.mongo);
    this.unnamed = new UnnamedBodies(api.mongo);
    const copiesOf = (collection: BodyCollection) => new BodyCopies(api.mongo, collection);
    this.copies = { lablet_definitions: copiesOf('lablet_definitions'), artifacts: copiesOf('artifacts'), workloads: copiesOf('workloads') };
  }

  /** Moves all events into the record, as the controller leader does. */
  async project(): Promise<void> {
    const { cache, committer, etcd } = this.api.dependencies;
    await cache.waitForRevision(await etcd.revision(), 5_000);
    const fail = (problem: string, cause: unknown) => {
      throw new Error(problem, { cause });
    };
    const record = new PermanentRecord(this.auditEvents, this.snapshots, fail);
    await drainOutbox({ cache, committer, record, onProblem: fail }, { fence: absent(keys.leader('controller')), signal: new AbortController().signal });
  }

  /** Retires what ended at least 24 hours ago, by a clock that is so far ahead. */
  retire({ aheadMs = 2 * retentionMs, committer = this.api.dependencies.committer }: { aheadMs?: number; committer?: Pick<Committer, 'commit'> } = {}) {
    const { etcd, cached } = this.api.dependencies;
    const { retired, reports } = this;
    const retirement = new Retirement({ client: etcd, cached, committer, retired, reports, retentionMs, clock: clockAhead(aheadMs) });
    return retirement.run(new AbortController().signal);
  }

  /** Sweeps bodies, by a clock that is so far ahead; `copies` lets a test put itself between the sweep and MongoDB. */
  sweep({ aheadMs = 0, copies = {} }: { aheadMs?: number; copies?: Partial<BodySweepDependencies['copies']> } = {}) {
    const { etcd, cached, committer } = this.api.dependencies;
    const { retired, reports, unnamed } = this;
    const every = { ...this.copies, ...copies };
    return new BodySweep({ client: etcd, cached, committer, copies: every, unnamed, retired, reports, clock: clockAhead(aheadMs) }).run(new AbortController().signal);
  }

  /** TERMINATED; answers its id. */
  async endedInstance(request?: Record<string, unknown>): Promise<string> {
    const { id } = await this.objects.instance(request);
    await this.api.client.delete(`${instances}/${id}`);
    await this.lifecycle.finish(id);
    return id;
  }

  /** TERMINATED, after it was RUNNING; answers its id. */
  async endedWorker(): Promise<string> {
    const { id } = await this.objects.worker();
    await this.lifecycle.provision(id, { online: false });
    await this.api.client.delete(`${workers}/${id}`);
    await this.lifecycle.endWorker(id);
    return id;
  }

  /** DELETED; answers its id. */
  async endedDefinition(document: Record<string, unknown>): Promise<string> {
    const { id } = await this.objects.definition(document);
    await this.api.client.post(`${definitions}/${id}/deprecate`);
    const { status } = await this.api.client.delete(`${definitions}/${id}`);
    if (status !== 200) throw new Error(`not deleted: ${status}`);
    return id;
  }

  /** Keys below a prefix. */
  async keys(prefix: string): Promise<string[]> {
    return (await this.api.dependencies.etcd.list(prefix)).entries.map(({ key }) => key).sort();
  }
}
