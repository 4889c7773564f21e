import type { Document, FindOptions, WithId } from 'mongodb';
import { copyBatchDocumentsMax } from '../../domain/limits';
import type { MongoConnection } from './connection';

/** Every document of a collection, in no order: one read, of which also the embedded server holds no more than a batch in memory. */
export async function* readAll<T extends Document>(connection: MongoConnection, name: string, options: FindOptions = {}): AsyncGenerator<WithId<T>> {
  const cursor = connection.collection<T>(name).find({}, { ...options, batchSize: copyBatchDocumentsMax });
  try {
    while (await connection.attempt(`read ${name}`, () => cursor.hasNext())) yield* cursor.readBufferedDocuments();
  } finally {
    await cursor.close();
  }
}
