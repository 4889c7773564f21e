import type { EtcdClient } from './client';
import { parseKey } from './keys';
import { scan } from './scan';

/** What one collection takes, without its history. */
export interface CollectionSize {
  readonly collection: string;
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** What is stored under our prefix, by collection, the largest first. */
export async function collectionSizes(client: EtcdClient): Promise<{ readonly revision: number; readonly sizes: readonly CollectionSize[] }> {
  const sizes = new Map<string, CollectionSize>();
  let revision = 0;
  for await (const page of scan(client)) {
    ({ revision } = page);
    for (const { key, value } of page.kvs) {
      const { collection } = parseKey(client.relative(key));
      const { keys, bytes } = sizes.get(collection) ?? { keys: 0, bytes: 0 };
      sizes.set(collection, { collection, keys: keys + 1, bytes: bytes + key.length + value.length });
    }
  }
  return { revision, sizes: [...sizes.values()].sort((one, other) => other.bytes - one.bytes) };
}
