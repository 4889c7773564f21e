import type { Document, IndexDescriptionInfo } from 'mongodb';
import { BSON } from 'mongodb';
import { copyBatchCharactersMax, copyBatchDocumentsMax } from '../../domain/limits';
import type { MongoConnection } from './connection';
import type { Recorded } from './insert-once';
import { insertNew } from './insert-once';
import { readAll } from './read-all';

/** An index as it is to be made again. */
export type IndexCopy = Pick<IndexDescriptionInfo, 'key' | 'name'> & Document;

/** Names of the collections of the database, in order, without the server's own. */
export async function collectionNames(connection: MongoConnection): Promise<string[]> {
  const names = await connection.collectionNames();
  return names.filter((name) => !name.startsWith('system.')).sort();
}

export async function isEmptyCollection(connection: MongoConnection, name: string): Promise<boolean> {
  return (await connection.attempt(`read ${name}`, () => connection.collection(name).findOne({}))) === null;
}

/** The indexes of a collection but that of `_id`, which every collection has. */
export async function indexesOf(connection: MongoConnection, name: string): Promise<IndexCopy[]> {
  const indexes = await connection.attempt(`list the indexes of ${name}`, () => connection.collection(name).listIndexes().toArray());
  return indexes
    .filter((index) => (index as IndexCopy).name !== '_id_')
    .map(({ v: _version, ns: _namespace, ...index }: Document) => index as IndexCopy);
}

export async function makeIndexes(connection: MongoConnection, name: string, indexes: readonly IndexCopy[]): Promise<void> {
  for (const { key, ...options } of indexes) {
    await connection.attempt(`create an index of ${name}`, () => connection.collection(name).createIndex(key, options));
  }
}

/** Every document of a collection as a line of canonical extended JSON, which keeps the types of all values. */
export async function* linesOf(connection: MongoConnection, name: string): AsyncGenerator<string> {
  const exact = { promoteValues: false, promoteLongs: false, promoteBuffers: false };
  for await (const document of readAll(connection, name, exact)) yield BSON.EJSON.stringify(document, { relaxed: false });
}

/** Inserts documents that were copied; one whose id is there already stays as it is. Answers how many were inserted. */
export async function insertLines(connection: MongoConnection, name: string, lines: AsyncIterable<string>): Promise<number> {
  const collection = connection.collection<Recorded>(name);
  let inserted = 0;
  for await (const batch of batchesOf(lines)) {
    const documents = batch.map((line) => BSON.EJSON.parse(line, { relaxed: false }) as Recorded);
    const there = await connection.attempt(`insert into ${name}`, () => insertNew(collection, documents));
    inserted += documents.length - there.length;
  }
  return inserted;
}

async function* batchesOf(lines: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let characters = 0;
  for await (const line of lines) {
    batch.push(line);
    characters += line.length;
    if (batch.length < copyBatchDocumentsMax && characters < copyBatchCharactersMax) continue;
    yield batch;
    [batch, characters] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}
