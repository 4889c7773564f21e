import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { canonicalJson } from '../../domain/canonical-json';
import type { DefinitionBody } from '../../domain/definition';
import { bodiesCacheBytesMax } from '../../domain/limits';
import type { Workload } from '../../domain/workload';
import { sha256Hex } from '../../hash';
import type { MongoConnection } from './connection';
import { BodyCorruptError, BodyMissingError } from './errors';
import { insertOnce } from './insert-once';

/** Immutable documents under the hash of their content. */
export interface Bodies<T> {
  /** Stores a body that may be there already; answers its hash, lower-case hex. */
  put(body: T): Promise<string>;
  /** Rejects with `BodyMissingError` or `BodyCorruptError` rather than answer anything but what was put. */
  get(hash: string): Promise<T>;
}

/** How a body becomes the text that is hashed and stored. */
export interface BodyFormat<T> {
  encode(body: T): string;
  decode(text: string): T;
}

interface BodyDocument {
  readonly _id: string;
  /** Text, since keys of labels, environments and files hold dots and dollars, which not every server takes. */
  readonly body: string;
  /** Of this copy: see `BodyCopies`. Older programs gave none. */
  readonly copy?: string;
}

/** Bodies in one collection. What was read once is kept in memory: it cannot change. */
export class ImmutableBodies<T> implements Bodies<T> {
  private readonly texts = new LRUCache<string, string>({
    maxSize: bodiesCacheBytesMax,
    // Two bytes a character at most; an empty text has a size too.
    sizeCalculation: (text) => text.length * 2 + 1,
  });

  constructor(
    private readonly connection: MongoConnection,
    private readonly collectionName: string,
    private readonly format: BodyFormat<T>,
  ) {}

  async put(body: T): Promise<string> {
    const text = this.format.encode(body);
    const hash = sha256Hex(text);
    // Inserted even if it is in memory: a commit will name it, and only the server knows that it is there.
    const given = { _id: hash, body: text, copy: randomUUID() };
    await insertOnce(this.connection, this.collection(), [given], (stored) => stored.body === text);
    this.texts.set(hash, text);
    return hash;
  }

  async get(hash: string): Promise<T> {
    const text = this.texts.get(hash) ?? (await this.read(hash));
    // Decoded each time, so that a caller that changes its body changes nobody else's.
    return this.format.decode(text);
  }

  private async read(hash: string): Promise<string> {
    const document = await this.connection.attempt(`read ${this.collectionName}`, () =>
      this.collection().findOne({ _id: hash }),
    );
    if (!document) throw new BodyMissingError(this.collectionName, hash);
    const found = sha256Hex(document.body);
    if (found !== hash) throw new BodyCorruptError(this.collectionName, hash, found);
    this.texts.set(hash, document.body);
    return document.body;
  }

  private collection() {
    return this.connection.collection<BodyDocument>(this.collectionName);
  }
}

/** Canonical JSON, so that the order of keys has no part in the hash. */
function jsonFormat<T>(): BodyFormat<T> {
  return { encode: canonicalJson, decode: (text) => JSON.parse(text) as T };
}

const textFormat: BodyFormat<string> = { encode: (text) => text, decode: (text) => text };

/** Validated definitions. */
export function definitionBodies(connection: MongoConnection): Bodies<DefinitionBody> {
  return new ImmutableBodies(connection, 'lablet_definitions', jsonFormat<DefinitionBody>());
}

/** Files that definitions were made from, as they were fetched. */
export function artifactBodies(connection: MongoConnection): Bodies<string> {
  return new ImmutableBodies(connection, 'artifacts', textFormat);
}

/** What agents are given to run. */
export function workloadBodies(connection: MongoConnection): Bodies<Workload> {
  return new ImmutableBodies(connection, 'workloads', jsonFormat<Workload>());
}
