import { positionAfter } from '../domain/event-position';
import type { AuditEvents } from '../stores/mongo/audit-events';
import type { LiveStores } from './stores';

/** The record tells of what etcd has not come to: they do not belong together. */
export class RecordAheadError extends Error {
  constructor(newest: string, epoch: number, revision: number) {
    super(
      `the record in MongoDB goes on to event ${newest}, and etcd has only come to revision ${revision} of epoch ${epoch}: it is empty, was set back, or is not the one that this MongoDB belongs to, ` +
        'and what happens from here on would be taken for what is on record; restore etcd with berth admin restore --keep-mongodb, or give Berth an empty database',
    );
    this.name = 'RecordAheadError';
  }
}

/**
 * Refuses an etcd that is behind the record. Events are in etcd before they are in the record, so this is an etcd that has lost
 * some. It would number new events like those, and the record would take none of them. Throws RecordAheadError.
 */
export async function requireOneHistory({ client, epochs }: Pick<LiveStores, 'client' | 'epochs'>, record: Pick<AuditEvents, 'newest'>): Promise<void> {
  // The record first: meanwhile etcd only goes on.
  const [newest] = await record.newest(1);
  if (newest === undefined) return;
  const revision = await client.revision();
  if (newest.id > positionAfter(epochs.epoch, revision)) throw new RecordAheadError(newest.id, epochs.epoch, revision);
}
