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

  /** Deletes those copies that are the ones that are there. */
  async remove(copies: readonly BodyCopy[]): Promise<void> {
    if (copies.length === 0) return;
    // Null finds what has none. All at once: the embedded server reads the whole collection for each request of this kind.
    const filter = { $or: copies.map(({ hash, copy }) => ({ _id: hash, copy })) } as Filter<CopyDocument>;
    await this.connection.attempt(`delete from ${this.collectionName}`, () => this.collection().deleteMany(filter));
  }

  private collection() {
    return this.connection.collection<CopyDocument>(this.collectionName);
  }
}
