import type { IKeyValue } from 'etcd3';
import { storeScanPageMax } from '../../domain/limits';
import type { EtcdClient } from './client';
import { rangeEnd } from './client';

/** A part of everything that is stored. */
export interface ScannedPage {
  /** The same one for all pages of a scan. */
  readonly revision: number;
  readonly kvs: readonly IKeyValue[];
}

/**
 * Everything under our prefix at one revision, in pages: as one message it would be as large as the store. There is at
 * least one page. Rejects when etcd is compacted beyond that revision meanwhile; whoever wants it begins anew.
 */
export async function* scan(client: EtcdClient): AsyncGenerator<ScannedPage> {
  const end = rangeEnd(client.key(''));
  let revision: string | undefined;
  for (let from: Buffer | undefined = client.key(''); from; ) {
    const page = await client.raw.kv.range({ key: from, range_end: end, limit: storeScanPageMax, ...(revision !== undefined && { revision }) });
    revision ??= page.header.revision;
    yield { revision: Number(revision), kvs: page.kvs };
    const last = page.kvs[page.kvs.length - 1];
    // The least key that is greater than the last one.
    from = page.more && last ? Buffer.concat([last.key, Buffer.of(0)]) : undefined;
  }
}
