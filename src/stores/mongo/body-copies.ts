import type { Filter } from 'mongodb';
import type { MongoConnection } from './connection';

/**
 * A body as it was put once. Whoever deletes one that nobody names may have slept since it judged so; the body may have
 * been deleted by another one meanwhile, put anew, and named. So a copy is deleted by an identity of its own.
 */
export interface BodyCopy {
  readonly hash: string;
  /** Null for those that an older program put. */
  readonly copy: string | null;
}

interface CopyDocument {
  readonly _id: string;
  readonly copy?: string;
}

/** All bodies of one collection, without what is in them. */
export class BodyCopies {
  constructor(
    private readonly connection: MongoConnection,
    private readonly collectionName: string,
  ) {}

  async list(): Promise<readonly BodyCopy[]> {
    const documents = await this.connection.attempt(`list ${this.collectionName}`, () =>
      this.collection().find({}, { projection: { copy: 1 } }).toArray(),
    );
    return documents.map(({ _id, copy }) => ({ hash: _id, copy: copy ?? null }));
  }

  /** Deletes that copy, if it is the one that is there. */
  async remove({ hash, copy }: BodyCopy): Promise<void> {
    const filter = { _id: hash, copy } as Filter<CopyDocument>; // Null finds what has none.
    await this.connection.attempt(`delete from ${this.collectionName}`, () => this.collection().deleteOne(filter));
  }

  private collection() {
    return this.connection.collection<CopyDocument>(this.collectionName);
  }
}
