import { canonicalJson } from '../../domain/canonical-json';
import type { ChangeType, ObjectState } from '../../domain/object-state';
import type { MongoConnection } from './connection';
import { RecordConflictError } from './errors';
import { insertOnce } from './insert-once';

/** An object as it was after one of its events, and what that event did to it. */
export interface Snapshot {
  readonly changeType: ChangeType;
  readonly state: ObjectState;
}

/** Every state that an object ever had, each whole. Kept for a time, unlike the log that they follow from. */
export interface SnapshotRecord {
  /**
   * Inserting a snapshot again is fine if it is of the same event. One of a former epoch, which a process put there that had
   * missed a restore, gives way to it: nothing may keep events from the record. Any other one is a `RecordConflictError`.
   */
  insert(snapshots: readonly Snapshot[]): Promise<void>;
  /** The object after its event of this number; undefined when that is not kept. */
  get(subject: string, sequence: number): Promise<Snapshot | undefined>;
}

/** Which snapshot. */
export type SnapshotName = Pick<ObjectState, 'sequence'> & { readonly subject: string };

interface SnapshotDocument {
  readonly _id: string;
  readonly subject: string;
  readonly kind: string;
  readonly org: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly revision: string;
  readonly eventId: string;
  readonly time: string;
  readonly changeType: ChangeType;
  /** Canonical JSON of `{spec, status, allocation, retired}`: their keys hold dots, which not every server takes. */
  readonly object: string;
}

/** Found by their id alone, which follows from object and number: not every server has an index for more. */
export class Snapshots implements SnapshotRecord {
  constructor(private readonly connection: MongoConnection) {}

  async insert(snapshots: readonly Snapshot[]): Promise<void> {
    const documents = snapshots.map(toDocument);
    for (;;) {
      try {
        // By the event alone: a program of another version may write the state that it led to in another shape.
        return await insertOnce(this.connection, this.collection(), documents, (stored, given) => stored.eventId === given.eventId);
      } catch (error) {
        if (!(error instanceof RecordConflictError)) throw error;
        const [stored, given] = [error.stored as SnapshotDocument, error.given as SnapshotDocument];
        if (stored.epoch >= given.epoch) throw error;
        const { _id, eventId } = stored; // Not by its id alone: the right one may have come since.
        await this.connection.attempt('delete from state_snapshots', () => this.collection().deleteOne({ _id, eventId }));
      }
    }
  }

  async get(subject: string, sequence: number): Promise<Snapshot | undefined> {
    const document = await this.connection.attempt('read state_snapshots', () => this.collection().findOne({ _id: snapshotId(subject, sequence) }));
    return document ? fromDocument(document) : undefined;
  }

  /** Snapshots from before a time, in no order, at most `limit`. */
  async before(time: string, limit: number): Promise<readonly SnapshotName[]> {
    const projection = { subject: 1, sequence: 1 };
    const documents = await this.connection.attempt('list state_snapshots', () => this.collection().find({ time: { $lt: time } }, { projection }).limit(limit).toArray());
    return documents.map(({ subject, sequence }) => ({ subject, sequence }));
  }

  async remove(snapshots: readonly SnapshotName[]): Promise<void> {
    const ids = snapshots.map(({ subject, sequence }) => snapshotId(subject, sequence));
    // In one request: the embedded server reads the whole collection for each, whatever it deletes.
    await this.connection.attempt('delete from state_snapshots', () => this.collection().deleteMany({ _id: { $in: ids } }));
  }

  private collection() {
    return this.connection.collection<SnapshotDocument>('state_snapshots');
  }
}

function snapshotId(subject: string, sequence: number): string {
  return `${subject}/${String(sequence).padStart(12, '0')}`;
}

function toDocument({ changeType, state }: Snapshot): SnapshotDocument {
  const { kind, id, org, sequence, epoch, revision, eventId, time, ...object } = state;
  return { _id: snapshotId(id, sequence), subject: id, kind, org, sequence, epoch, revision, eventId, time, changeType, object: canonicalJson(object) };
}

function fromDocument({ subject, kind, org, sequence, epoch, revision, eventId, time, changeType, object }: SnapshotDocument): Snapshot {
  const parts = JSON.parse(object) as Pick<ObjectState, 'spec' | 'status' | 'allocation' | 'retired'>;
  return { changeType, state: { kind: kind as ObjectState['kind'], id: subject, org, sequence, epoch, revision, eventId, time, ...parts } };
}
