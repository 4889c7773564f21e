import type { IKeyValue } from 'etcd3';
import { storeScanPageMax } from '../../domain/limits';
import type { EtcdClient } from './client';
import { rangeEnd } from './client';
import { pagesOf } from './pages';

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
  let revision: number | undefined;
  const from = client.key('');
  for await (const { header, kvs } of pagesOf(client, { from, to: rangeEnd(from), pageSize: storeScanPageMax })) {
    revision ??= Number(header.revision);
    yield { revision, kvs };
  }
}
