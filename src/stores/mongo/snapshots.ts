import { canonicalJson } from '../../domain/canonical-json';
import type { ChangeType, ObjectState } from '../../domain/object-state';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

/** An object as it was after one of its events, and what that event did to it. */
export interface Snapshot {
  readonly changeType: ChangeType;
  readonly state: ObjectState;
}

/** Every state that an object ever had, each whole. Kept for a time, unlike the log that they follow from. */
export interface SnapshotRecord {
  /** Inserting a snapshot again is fine if it is the same; another one in its place is a `RecordConflictError`. */
  insert(snapshots: readonly Snapshot[]): Promise<void>;
  /** The object after its event of this number; undefined when that is not kept. */
  get(subject: string, sequence: number): Promise<Snapshot | undefined>;
}

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
  /** Canonical JSON of `{spec, status, allocation}`: their keys hold dots, which not every server takes. */
  readonly object: string;
}

/** Found by their id alone, which follows from object and number: not every server has an index for more. */
export class Snapshots implements SnapshotRecord {
  constructor(private readonly connection: MongoConnection) {}

  async insert(snapshots: readonly Snapshot[]): Promise<void> {
    await insertOnce(this.connection, this.collection(), snapshots.map(toDocument));
  }

  async get(subject: string, sequence: number): Promise<Snapshot | undefined> {
    const document = await this.connection.attempt('read state_snapshots', () => this.collection().findOne({ _id: snapshotId(subject, sequence) }));
    return document ? fromDocument(document) : undefined;
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
  const parts = JSON.parse(object) as Pick<ObjectState, 'spec' | 'status' | 'allocation'>;
  return { changeType, state: { kind: kind as ObjectState['kind'], id: subject, org, sequence, epoch, revision, eventId, time, ...parts } };
}
