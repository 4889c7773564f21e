import { storeMeasurePageMax } from '../../domain/limits';
import type { EtcdClient } from './client';
import { rangeEnd } from './client';
import { parseKey } from './keys';

/** What one collection takes, without its history. */
export interface CollectionSize {
  readonly collection: string;
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** What is stored under our prefix, by collection, the largest first; in pages, all of one revision. */
export async function collectionSizes(client: EtcdClient): Promise<{ readonly revision: number; readonly sizes: readonly CollectionSize[] }> {
  const sizes = new Map<string, { keys: number; bytes: number }>();
  let revision: string | undefined;
  const end = rangeEnd(client.key(''));
  for (let from: Buffer | undefined = client.key(''); from; ) {
    const page = await client.raw.kv.range({ key: from, range_end: end, limit: storeMeasurePageMax, ...(revision !== undefined && { revision }) });
    revision ??= page.header.revision;
    for (const { key, value } of page.kvs) {
      const { collection } = parseKey(client.relative(key));
      const { keys, bytes } = sizes.get(collection) ?? { keys: 0, bytes: 0 };
      sizes.set(collection, { keys: keys + 1, bytes: bytes + key.length + value.length });
    }
    const last = page.kvs[page.kvs.length - 1];
    // The least key that is greater than the last one.
    from = page.more && last ? Buffer.concat([last.key, Buffer.of(0)]) : undefined;
  }
  const listed = [...sizes].map(([collection, size]) => ({ collection, ...size }));
  return { revision: Number(revision), sizes: listed.sort((one, other) => other.bytes - one.bytes) };
}
