import type { KeyedEntry } from './client';
import { parseKey } from './keys';

type Parts = Map<string, KeyedEntry>;

const nothing: ReadonlyMap<string, KeyedEntry> = new Map();

/** Entries by collection, object and part, so that neither one object nor one collection costs a walk over everything. */
export class ObjectIndex {
  private readonly collections = new Map<string, Map<string, Parts>>();

  get(key: string): KeyedEntry | undefined {
    const { collection, id, part } = parseKey(key);
    return this.object(collection, id).get(part);
  }

  /** Entries of one object by the part of the key after its id. */
  object(collection: string, id: string): ReadonlyMap<string, KeyedEntry> {
    return this.collections.get(collection)?.get(id) ?? nothing;
  }

  /** Ids of all objects of a collection. */
  ids(collection: string): string[] {
    return [...(this.collections.get(collection)?.keys() ?? [])];
  }

  /** All entries of a collection. */
  collection(collection: string): KeyedEntry[] {
    return [...(this.collections.get(collection)?.values() ?? [])].flatMap((parts) => [...parts.values()]);
  }

  *entries(): Iterable<KeyedEntry> {
    for (const objects of this.collections.values()) for (const parts of objects.values()) yield* parts.values();
  }

  set(entry: KeyedEntry): void {
    const { collection, id, part } = parseKey(entry.key);
    const objects = getOrMake(this.collections, collection, () => new Map<string, Parts>());
    getOrMake(objects, id, () => new Map<string, KeyedEntry>()).set(part, entry);
  }

  delete(key: string): void {
    const { collection, id, part } = parseKey(key);
    const objects = this.collections.get(collection);
    const parts = objects?.get(id);
    parts?.delete(part);
    if (parts?.size === 0) objects?.delete(id);
  }

  /** `collection/id` of every object. */
  names(): string[] {
    return [...this.collections].flatMap(([collection, objects]) => [...objects.keys()].map((id) => `${collection}/${id}`));
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
