import { BSON, MongoBulkWriteError } from 'mongodb';
import type { Collection, Filter, OptionalUnlessRequiredId } from 'mongodb';
import { canonicalJson } from '../../domain/canonical-json';
import type { MongoConnection } from './connection';
import { RecordConflictError } from './errors';

/** A document whose id follows from what it is. */
export interface Recorded {
  readonly _id: string;
}

/** By which MongoDB says that an id is taken. */
export const duplicateKeyCode = 11000;

/**
 * The one way of writing to collections that grow. Inserting again what is there already is fine, since a
 * writer that lost the answer repeats itself; a document that differs from the one there, by `isSame`, is refused.
 */
export async function insertOnce<T extends Recorded>(
  connection: MongoConnection,
  collection: Collection<T>,
  documents: readonly T[],
  isSame: (stored: T, given: T) => boolean = (stored, given) => canonicalJson(stored) === canonicalJson(given),
): Promise<void> {
  if (documents.length === 0) return;
  const name = collection.collectionName;
  const duplicates = await connection.attempt(`insert into ${name}`, () => insertNew(collection, documents));
  connection.telemetry.recorded(name, documents.length - duplicates.length, bytesOf(documents.filter((given) => !duplicates.includes(given))));
  // One by one: the embedded server fetches and decodes the whole collection for a query by several ids, and could run
  // into the bound on one answer. Repetitions are rare and small.
  for (const given of duplicates) {
    const stored = await connection.attempt(`read ${name}`, () =>
      collection.findOne({ _id: given._id } as Filter<T>),
    );
    // What was taken away since it was met, as a sweep does with bodies, is inserted after all.
    if (stored === null) await insertOnce(connection, collection, [given], isSame);
    else if (!isSame(stored as T, given)) throw new RecordConflictError(name, given._id, stored, given);
  }
}

function bytesOf(documents: readonly Recorded[]): number {
  return documents.reduce((sum, document) => sum + BSON.calculateObjectSize(document), 0);
}

/** Inserts what is not there; answers those whose id was taken. */
export async function insertNew<T extends Recorded>(collection: Collection<T>, documents: readonly T[]): Promise<T[]> {
  try {
    await collection.insertMany(documents as Array<OptionalUnlessRequiredId<T>>, { ordered: false });
    return [];
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const failures = [error.writeErrors].flat();
    const onlyDuplicates = failures.length > 0 && failures.every(({ code }) => code === duplicateKeyCode);
    // A write concern that was not met is no duplicate: what was inserted may yet be lost.
    if (!onlyDuplicates || error.result.getWriteConcernError()) throw error;
    return failures.map(({ index }) => documents[index]!);
  }
}
