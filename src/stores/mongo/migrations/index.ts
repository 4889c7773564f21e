import type { MongoConnection } from '../connection';

/** One step from the database of one version of Berth to that of the next. What was released once is never changed. */
export interface Migration {
  /** Counted from 1 without a gap. */
  readonly version: number;
  readonly name: string;
  /** Repeated when the process died in it, so it has to be content with what it did before. */
  up(connection: MongoConnection): Promise<void>;
}

/** All that there are, in their order. */
export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: 'index audit_events by subject and sequence',
    up: (connection) => createIndex(connection, 'audit_events', { subject: 1, sequence: 1 }),
  },
  {
    version: 2,
    name: 'index state_snapshots by subject and sequence, and by time',
    up: async (connection) => {
      await createIndex(connection, 'state_snapshots', { subject: 1, sequence: 1 });
      await createIndex(connection, 'state_snapshots', { time: 1 });
    },
  },
  {
    version: 3,
    name: 'index retired_objects by kind and id, and workflow_runs by workflow',
    up: async (connection) => {
      await createIndex(connection, 'retired_objects', { kind: 1, _id: 1 });
      await createIndex(connection, 'workflow_runs', { workflowId: 1 });
    },
  },
  {
    version: 4,
    name: 'index audit_events and audit_refusals by time',
    up: async (connection) => {
      await createIndex(connection, 'audit_events', { time: 1, _id: 1 });
      await createIndex(connection, 'audit_refusals', { time: 1, _id: 1 });
    },
  },
];

/** An index that is there already is left as it is. */
async function createIndex(connection: MongoConnection, collection: string, fields: Readonly<Record<string, 1>>): Promise<void> {
  await connection.attempt(`create an index of ${collection}`, () => connection.collection(collection).createIndex(fields));
}
