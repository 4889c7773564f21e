import { PermanentRecord } from '../../../src/leaders/permanent-record';
import { drainOutbox } from '../../../src/leaders/projector';
import { keys } from '../../../src/stores/etcd/keys';
import { AuditEvents } from '../../../src/stores/mongo/audit-events';
import { Snapshots } from '../../../src/stores/mongo/snapshots';
import type { TestApi } from './test-api';

/** Does the projector's work once, while nobody leads. */
export async function project(api: TestApi): Promise<void> {
  const { cache, committer, etcd } = api.dependencies;
  await cache.waitForRevision(await etcd.revision(), 5_000);
  const fail = (problem: string) => {
    throw new Error(problem);
  };
  const record = new PermanentRecord(new AuditEvents(api.mongo), new Snapshots(api.mongo), fail);
  await drainOutbox({ cache, committer, record, onProblem: fail }, { fence: { key: keys.leader('controller'), revision: 0 }, signal: new AbortController().signal });
}
