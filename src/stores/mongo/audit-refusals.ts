import type { Document, Filter } from 'mongodb';
import type { AuditFilter, AuditLine, AuditPlace } from '../../domain/audit';
import { lineOfRefusal, principalsNamed } from '../../domain/audit';
import { auditExportBatchSize } from '../../domain/limits';
import type { RefusalRecord } from '../../domain/refusals';
import { allOf, auditOrder, stretchOf } from './audit-query';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

/** A refusal under the id that it was given when it was recorded. */
export interface IdentifiedRefusal {
  readonly id: string;
  readonly record: RefusalRecord;
}

type RefusalDocument = { readonly _id: string } & RefusalRecord;

/**
 * Who was refused what. A collection of its own: a refusal happens to no object, changes nothing, and has no place in
 * the order of events. Append-only: nothing in it is ever changed or removed.
 */
export class AuditRefusals {
  constructor(private readonly connection: MongoConnection) {}

  /** Inserting a refusal again, since the answer was lost, is fine. */
  async insert(refusals: readonly IdentifiedRefusal[]): Promise<void> {
    await insertOnce(this.connection, this.collection(), refusals.map(({ id, record }) => ({ _id: id, ...record })));
  }

  /** In order, after a place, at most `limit`. */
  async lines(filter: AuditFilter, after: AuditPlace | undefined, limit: number): Promise<readonly AuditLine[]> {
    const query = queryOf(filter, after);
    if (query === undefined) return [];
    const documents = await this.connection.attempt('read audit_refusals', () => this.collection().find(query).sort(auditOrder).limit(limit).toArray());
    return documents.map(fromDocument);
  }

  /** All that a filter asks for, in order. */
  async *stream(filter: AuditFilter): AsyncGenerator<AuditLine> {
    const query = queryOf(filter, undefined);
    if (query === undefined) return;
    const cursor = this.collection().find(query, { batchSize: auditExportBatchSize }).sort(auditOrder);
    try {
      while (await this.connection.attempt('read audit_refusals', () => cursor.hasNext())) yield* cursor.readBufferedDocuments().map(fromDocument);
    } finally {
      await cursor.close();
    }
  }

  private collection() {
    return this.connection.collection<RefusalDocument>('audit_refusals');
  }
}

/** Undefined when nothing can be found. */
function queryOf(filter: AuditFilter, after: AuditPlace | undefined): Filter<RefusalDocument> | undefined {
  const { principal, object, outcome, code, projects } = filter;
  if (outcome === 'done' || projects !== undefined) return undefined;
  const conditions: Document[] = [
    ...stretchOf(filter, after),
    ...(principal === undefined ? [] : [{ principal: { $in: principalsNamed(principal) } }]),
    ...(object === undefined ? [] : [{ 'object.id': object }]),
    ...(code === undefined ? [] : [{ $or: [{ code }, { [`counts.${code}`]: { $exists: true } }] }]),
  ];
  return allOf(conditions);
}

function fromDocument({ _id, ...record }: RefusalDocument): AuditLine {
  return lineOfRefusal(_id, record);
}
