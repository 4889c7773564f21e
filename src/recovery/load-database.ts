import { join } from 'node:path';
import { nextEpochs, positionIn } from '../domain/epochs';
import { canonicalJson } from '../domain/canonical-json';
import { sha256Hex } from '../hash';
import type { MongoConnection } from '../stores/mongo/connection';
import { collectionNames, insertLines, isEmptyCollection, makeIndexes } from '../stores/mongo/copy';
import { eventIds, eventsCollection } from '../stores/mongo/lost-history';
import { readLines } from './copy-files';
import { RecoveryError } from './errors';
import type { Manifest } from './manifest';

/** Marks a database that is being filled from a copy, and from which. */
const markerCollection = 'restore_under_way';

/** Refuses a database that holds anything but what a restore from the same copy, cut short, has put there. */
export async function requireEmptyDatabase(manifest: Manifest, mongo: MongoConnection): Promise<void> {
  const marker = await mongo.attempt(`read ${markerCollection}`, () => mongo.collection<{ _id: string }>(markerCollection).findOne({}));
  if (marker?._id === idOf(manifest)) return;
  for (const name of await collectionNames(mongo)) {
    if (await isEmptyCollection(mongo, name)) continue;
    throw new RecoveryError('target_not_empty', `the database holds ${name}; a copy is restored into an empty database, or with --keep-mongodb beside the one that is ahead of it`);
  }
}

/** Refuses a database whose record does not go on from that of the copy: it is another one, or was itself set back. */
export async function requireAheadOfCopy(from: string, manifest: Manifest, mongo: MongoConnection): Promise<void> {
  const { revision } = manifest.etcd;
  // Only what counts has to be there: of the rest an earlier restore may have set some apart.
  const epochs = nextEpochs(manifest.epochs, { lastGoodRevision: revision, firstRevision: revision, highestEpochSeen: 0 });
  const missing = new Set<string>();
  for await (const line of linesIn(from, manifest, eventsCollection)) {
    const { _id } = JSON.parse(line) as { _id: string };
    if (positionIn(epochs, _id) === 'past') missing.add(_id);
  }
  const expected = missing.size;
  for await (const id of eventIds(mongo)) missing.delete(id);
  const [example] = missing;
  if (example === undefined && (await isEmptyCollection(mongo, eventsCollection))) {
    throw new RecoveryError('wrong_store', 'this MongoDB holds no record; restore without --keep-mongodb');
  }
  if (example === undefined) return;
  throw new RecoveryError('wrong_store', `the record of this MongoDB lacks ${missing.size} of the ${expected} events that the copy holds, such as ${example}: it is not the one that the copy was taken of`);
}

/** Says in an empty database that it is being filled, so that a restore that was cut short may be repeated. */
export async function markUnderWay(manifest: Manifest, mongo: MongoConnection): Promise<void> {
  const marker = mongo.collection<{ _id: string }>(markerCollection);
  await mongo.attempt('begin a restore', () => marker.updateOne({ _id: idOf(manifest) }, { $set: { time: manifest.time } }, { upsert: true }));
}

export async function unmark(mongo: MongoConnection): Promise<void> {
  await mongo.attempt('end a restore', () => mongo.collection(markerCollection).drop());
}

/** Puts into a database what the copy has and it has not: everything, or what was taken away since. */
export async function loadDatabase(from: string, manifest: Manifest, mongo: MongoConnection, report: (line: string) => void): Promise<void> {
  for (const { name, indexes } of manifest.collections) {
    // Before the documents: of an empty collection they are made at once.
    await makeIndexes(mongo, name, indexes);
    const inserted = await insertLines(mongo, name, linesIn(from, manifest, name));
    if (inserted > 0) report(`${name}: ${inserted} documents`);
  }
}

async function* linesIn(from: string, { collections }: Manifest, name: string): AsyncGenerator<string> {
  const copied = collections.find((collection) => collection.name === name);
  if (copied) yield* readLines(join(from, copied.file));
}

/** What a copy is recognised by. */
function idOf(manifest: Manifest): string {
  return sha256Hex(canonicalJson(manifest));
}
