import type { BodyCopy } from './body-copies';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

/** A body that nobody named, and when that was first seen. */
export interface UnnamedBody extends BodyCopy {
  readonly collection: string;
  /** ISO 8601. */
  readonly since: string;
}

interface UnnamedDocument extends UnnamedBody {
  readonly _id: string;
}

/** What sweeps remember from one to the next: whom they found unnamed, so that what was just put is left alone. */
export class UnnamedBodies {
  constructor(private readonly connection: MongoConnection) {}

  async list(): Promise<readonly UnnamedBody[]> {
    const documents = await this.connection.attempt('list unnamed_bodies', () => this.documents().find().toArray());
    return documents.map(({ _id, ...body }) => body);
  }

  /** What is remembered already keeps its time. */
  async remember(bodies: readonly UnnamedBody[]): Promise<void> {
    const documents = bodies.map((body) => ({ _id: idOf(body), ...body }));
    await insertOnce(this.connection, this.documents(), documents, () => true);
  }

  async forget(bodies: ReadonlyArray<BodyCopy & { readonly collection: string }>): Promise<void> {
    if (bodies.length === 0) return;
    await this.connection.attempt('delete from unnamed_bodies', () => this.documents().deleteMany({ _id: { $in: bodies.map(idOf) } }));
  }

  private documents() {
    return this.connection.collection<UnnamedDocument>('unnamed_bodies');
  }
}

function idOf({ collection, hash, copy }: BodyCopy & { readonly collection: string }): string {
  return `${collection}/${hash}/${copy ?? 'none'}`;
}
