import type { Document, Filter } from 'mongodb';
import type { AuditFilter, AuditLine, AuditPlace } from '../../domain/audit';
import { lineOfEvent, mutatingActors, principalsNamed } from '../../domain/audit';
import { kindsOfNoProject } from '../../domain/authorization';
import { canonicalJson } from '../../domain/canonical-json';
import type { EventPosition } from '../../domain/event-position';
import { upcast } from '../../domain/event-types';
import type { CloudEvent, RecordedEvent } from '../../domain/events';
import { toCloudEvent } from '../../domain/events';
import { auditExportBatchSize, rebuildPageSize } from '../../domain/limits';
import type { RecordOfEvents } from '../etcd/event-log';
import { allOf, auditOrder, stretchOf } from './audit-query';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

/** The permanent record of everything that happened. */
export interface AuditRecord {
  /** Inserting an event again is fine if it is the same event; another one under its id is a `RecordConflictError`. */
  insert(events: readonly RecordedEvent[]): Promise<void>;
  /** Events of one object with a higher sequence, ascending, at most `limit`. */
  ofSubject(subject: string, page: EventPage): Promise<readonly CloudEvent[]>;
}

export interface EventPage {
  readonly afterSequence?: number;
  readonly limit: number;
}

/** A CloudEvent under its id, its attributes as fields. */
type EventDocument = Omit<CloudEvent, 'id' | 'data'> & {
  readonly _id: string;
  /** Canonical JSON: what events tell of holds keys with dots, and lists of lists, which not every server takes. */
  readonly data: string;
};

/** Append-only: nothing in it is ever changed or removed. */
export class AuditEvents implements AuditRecord, RecordOfEvents {
  constructor(private readonly connection: MongoConnection) {}

  async insert(events: readonly RecordedEvent[]): Promise<void> {
    await insertOnce(this.connection, this.collection(), events.map(toDocument));
  }

  async ofSubject(subject: string, { afterSequence = 0, limit }: EventPage): Promise<readonly CloudEvent[]> {
    const documents = await this.connection.attempt('read audit_events', () =>
      this.collection()
        .find({ subject, sequence: { $gt: afterSequence } })
        .sort({ sequence: 1 })
        .limit(limit)
        .toArray(),
    );
    return documents.map(fromDocument);
  }

  async after(position: EventPosition, limit: number): Promise<readonly CloudEvent[]> {
    const documents = await this.connection.attempt('read audit_events', () =>
      this.collection().find({ _id: { $gt: position } }).sort({ _id: 1 }).limit(limit).toArray(),
    );
    return documents.map(fromDocument);
  }

  async newest(limit: number): Promise<readonly CloudEvent[]> {
    const documents = await this.connection.attempt('read audit_events', () => this.collection().find().sort({ _id: -1 }).limit(limit).toArray());
    return documents.reverse().map(fromDocument);
  }

  async has(id: string): Promise<boolean> {
    return (await this.connection.attempt('read audit_events', () => this.collection().findOne({ _id: id }))) !== null;
  }

  /** Every event, or every event of one object, in no order: sorting so many is more than some servers can do. */
  async *scan(subject?: string): AsyncGenerator<CloudEvent> {
    const cursor = this.collection().find(subject === undefined ? {} : { subject }, { batchSize: rebuildPageSize });
    try {
      while (await this.connection.attempt('read audit_events', () => cursor.hasNext())) yield* cursor.readBufferedDocuments().map(fromDocument);
    } finally {
      await cursor.close();
    }
  }

  /** Mutations in the order of the audit, after a place, at most `limit`. */
  async lines(filter: AuditFilter, after: AuditPlace | undefined, limit: number): Promise<readonly AuditLine[]> {
    const query = mutationsOf(filter, after);
    if (query === undefined) return [];
    const documents = await this.connection.attempt('read audit_events', () => this.collection().find(query, { projection }).sort(auditOrder).limit(limit).toArray());
    return documents.flatMap(lineOf);
  }

  /** All mutations that a filter asks for, in the order of the audit. */
  async *stream(filter: AuditFilter): AsyncGenerator<AuditLine> {
    const query = mutationsOf(filter, undefined);
    if (query === undefined) return;
    const cursor = this.collection().find(query, { projection, batchSize: auditExportBatchSize }).sort(auditOrder);
    try {
      while (await this.connection.attempt('read audit_events', () => cursor.hasNext())) yield* cursor.readBufferedDocuments().flatMap(lineOf);
    } finally {
      await cursor.close();
    }
  }

  private collection() {
    return this.connection.collection<EventDocument>('audit_events');
  }
}

function toDocument(event: RecordedEvent): EventDocument {
  const { id, data, ...attributes } = toCloudEvent(event);
  return { _id: id, ...attributes, data: canonicalJson(data) };
}

/** The record keeps events as they were written; whoever reads it sees today's shape. */
function fromDocument({ _id, data, ...attributes }: EventDocument): CloudEvent {
  return upcast({ ...attributes, id: _id, data: JSON.parse(data) as CloudEvent['data'] });
}

/** A line tells who did what, and not how the object then was. */
const projection = { data: 0 } as const;

/** Undefined when nothing can be found: refusals are no events. */
function mutationsOf(filter: AuditFilter, after: AuditPlace | undefined): Filter<EventDocument> | undefined {
  const { principal, object, outcome, code, projects } = filter;
  if (outcome === 'refused' || code !== undefined) return undefined;
  const conditions: Document[] = [
    ...stretchOf(filter, after),
    { actor: { $regex: mutatingActors.source } },
    ...(principal === undefined ? [] : [{ actor: { $in: principalsNamed(principal) } }]),
    ...(object === undefined ? [] : [{ subject: object }]),
    ...(projects === undefined ? [] : [{ project: { $in: projects } }, { kind: { $nin: kindsOfNoProject } }]),
  ];
  return allOf(conditions);
}

function lineOf({ _id, data: _data, ...attributes }: EventDocument): AuditLine[] {
  const line = lineOfEvent({ ...attributes, id: _id, data: {} });
  return line ? [line] : [];
}
