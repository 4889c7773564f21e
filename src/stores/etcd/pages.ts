import type { IRangeResponse } from 'etcd3';
import { GRPCResourceExhastedError } from 'etcd3';
import type { EtcdClient } from './client';

export interface KeyRange {
  readonly from: Buffer;
  /** Exclusive. */
  readonly to: Buffer;
  /** Keys in a page at most. */
  readonly pageSize: number;
  readonly keysOnly?: boolean;
  /** A revision to read at; that of the first page unless given. */
  readonly revision?: string | undefined;
}

/**
 * All of a range at one revision, in pages, of which there is at least one. A page of values that are too large for one
 * message is asked for again with half as many keys. Rejects when etcd is compacted beyond the revision meanwhile.
 */
export async function* pagesOf(client: EtcdClient, { to, keysOnly = false, ...range }: KeyRange): AsyncGenerator<IRangeResponse> {
  let { from, pageSize, revision } = range;
  for (;;) {
    const page = await smallEnough(() => client.raw.kv.range({ key: from, range_end: to, limit: pageSize, keys_only: keysOnly, ...(revision !== undefined && { revision }) }));
    if (page === undefined) {
      pageSize = Math.max(1, Math.floor(pageSize / 2));
      continue;
    }
    revision ??= page.header.revision;
    yield page;
    const last = page.kvs[page.kvs.length - 1];
    if (!page.more || last === undefined) return;
    // The least key that is greater than the last one.
    from = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

/** Undefined when the answer does not fit into one message. Whatever etcd stores fits by itself. */
async function smallEnough<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof GRPCResourceExhastedError && error.message.includes('larger than max')) return undefined;
    throw error;
  }
}
