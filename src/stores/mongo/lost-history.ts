import type { Document } from 'mongodb';
import { lostBatchDocumentsMax } from '../../domain/limits';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';
import { readAll } from './read-all';

/** A document of the record, written for what happened at a revision of an epoch. */
interface Placed extends Document {
  readonly _id: string;
  readonly epoch: number;
  readonly revision: string;
}

/** A collection of the record and where what is lost of it is kept, under which id. */
interface RecordPart {
  readonly name: string;
  readonly lost: string;
  readonly lostId: (document: Placed) => string;
}

/** What tells of the past. Bodies are no part of it: they are what their hash says, in whatever epoch. */
export const recordParts: readonly RecordPart[] = [
  { name: 'audit_events', lost: 'lost_events', lostId: ({ _id }) => _id },
  // The same place in an object's history may get lost in several epochs.
  { name: 'state_snapshots', lost: 'lost_snapshots', lostId: ({ epoch, _id }) => `${epoch}/${_id}` },
  { name: 'retired_objects', lost: 'lost_retired_objects', lostId: ({ epoch, _id }) => `${epoch}/${_id}` },
];

/** The collection that holds every event that counts. */
export const eventsCollection = 'audit_events';

/** Whether what was written at a revision of an epoch no longer counts. */
export type IsLost = (epoch: number, revision: string) => boolean;

/** How many documents were set apart, by collection. */
export type SetApart = Readonly<Record<string, number>>;

/**
 * Moves what is lost out of the record into collections of its own, where it stays for people to read. Each document is
 * there before it leaves the record, so a run that is cut short is simply repeated.
 */
export async function setLostApart(connection: MongoConnection, isLost: IsLost): Promise<SetApart> {
  const apart: Record<string, number> = {};
  for (const part of recordParts) apart[part.lost] = await setPartApart(connection, part, isLost);
  return apart;
}

async function setPartApart(connection: MongoConnection, { name, lost, lostId }: RecordPart, isLost: IsLost): Promise<number> {
  const found: Placed[] = [];
  for await (const document of placedIn(connection, name)) if (isLost(document.epoch, document.revision)) found.push(document);
  for (let from = 0; from < found.length; from += lostBatchDocumentsMax) {
    const batch = found.slice(from, from + lostBatchDocumentsMax);
    await insertOnce(connection, connection.collection<Placed>(lost), batch.map((document) => ({ ...document, _id: lostId(document) })));
    const ids = batch.map(({ _id }) => _id);
    await connection.attempt(`take what is lost out of ${name}`, () => connection.collection<Placed>(name).deleteMany({ _id: { $in: ids } }));
  }
  return found.length;
}

/** The highest epoch of which anything is on record, also of what was set apart before; 0 if nothing is. */
export async function highestEpochOnRecord(connection: MongoConnection): Promise<number> {
  let highest = 0;
  for (const name of recordParts.flatMap((part) => [part.name, part.lost])) {
    for await (const { epoch } of placedIn(connection, name)) highest = Math.max(highest, epoch);
  }
  return highest;
}

/** Ids of all events on record, without those set apart. */
export async function* eventIds(connection: MongoConnection): AsyncGenerator<string> {
  for await (const { _id } of placedIn(connection, eventsCollection)) yield _id;
}

async function* placedIn(connection: MongoConnection, name: string): AsyncGenerator<Placed> {
  for await (const document of readAll<Placed>(connection, name)) {
    if (typeof document.epoch === 'number' && typeof document.revision === 'string') yield document;
  }
}
