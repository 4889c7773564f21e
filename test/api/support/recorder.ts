import { drainOutbox } from '../../../src/leaders/projector';
import { PermanentRecord } from '../../../src/leaders/permanent-record';
import { keys } from '../../../src/stores/etcd/keys';
import { AuditEvents } from '../../../src/stores/mongo/audit-events';
import { Snapshots } from '../../../src/stores/mongo/snapshots';
import type { TestApi } from './test-api';

/** Moves everything that is in the outbox into the record, as the projector does. */
export async function recordAll(api: TestApi): Promise<void> {
  const { cache, committer, etcd } = api.dependencies;
  const problems: unknown[] = [];
  const record = new PermanentRecord(new AuditEvents(api.mongo), new Snapshots(api.mongo), (_problem, cause) => problems.push(cause));
  await cache.waitForRevision(await etcd.revision(), 5_000);
  const fence = { key: keys.leader('controller'), revision: 0 };
  await drainOutbox({ cache, committer, record, onProblem: (_problem, cause) => problems.push(cause) }, { fence, signal: new AbortController().signal });
  await cache.waitForRevision(await etcd.revision(), 5_000);
  if (problems.length > 0) throw new AggregateError(problems, 'recording met problems');
}

/** As if the retention of snapshots had ended for all that are there. */
export async function forgetSnapshots(api: TestApi): Promise<void> {
  await api.mongo.collection('state_snapshots').deleteMany({});
}
