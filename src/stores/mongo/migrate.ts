import { MongoServerError } from 'mongodb';
import type { MongoConnection } from './connection';
import { DatabaseNewerError } from './errors';
import { duplicateKeyCode } from './insert-once';
import { migrations } from './migrations';
import type { Migration } from './migrations';

/** Runs some work while nobody else runs any; `lost` is aborted when that holds no longer. */
export type OneAtATime = <T>(work: (lost: AbortSignal) => Promise<T>) => Promise<T>;

/** For who is alone with a database. */
export const alone: OneAtATime = (work) => work(new AbortController().signal);

interface AppliedDocument {
  readonly _id: string;
  readonly version: number;
  readonly name: string;
  readonly appliedAt: string;
}

/**
 * What has yet to be done to the database, in order; changes nothing. Throws `DatabaseNewerError` when something has been
 * done to it that is not known here: this program does not know any more what it finds there.
 */
export async function pendingMigrations(connection: MongoConnection, known = migrations): Promise<readonly Migration[]> {
  const applied = await connection.attempt('read schema_migrations', () => appliedIn(connection).find().toArray());
  const names = new Map(known.map(({ version, name }) => [version, name]));
  const strange = applied.filter(({ version, name }) => names.get(version) !== name);
  if (strange.length > 0) throw new DatabaseNewerError(strange.map(({ version, name }) => `${version} (${name})`), known.length);
  const done = new Set(applied.map(({ version }) => version));
  return known.filter(({ version }) => !done.has(version));
}

/** Does what has yet to be done; answers what that was. Nobody is asked to wait where there is nothing to do. */
export async function migrate(connection: MongoConnection, oneAtATime: OneAtATime, known = migrations): Promise<readonly Migration[]> {
  if ((await pendingMigrations(connection, known)).length === 0) return [];
  return oneAtATime(async (lost) => {
    // Whoever had to wait finds that it is done.
    const pending = await pendingMigrations(connection, known);
    for (const migration of pending) {
      lost.throwIfAborted();
      await migration.up(connection);
      await record(connection, migration);
    }
    return pending;
  });
}

/** Inserted once it is done, so that one that was done by half is repeated. */
async function record(connection: MongoConnection, { version, name }: Migration): Promise<void> {
  const document: AppliedDocument = { _id: String(version), version, name, appliedAt: new Date().toISOString() };
  try {
    await connection.attempt('insert into schema_migrations', () => appliedIn(connection).insertOne(document));
  } catch (error) {
    // Done twice is done: somebody else, or we ourselves without hearing the answer.
    if (!(error instanceof MongoServerError && error.code === duplicateKeyCode)) throw error;
  }
}

function appliedIn(connection: MongoConnection) {
  return connection.collection<AppliedDocument>('schema_migrations');
}
