import type { EtcdClient, KeyedEntry } from './client';
import { encode } from './client';
import { keys } from './keys';

/**
 * The epoch that this store is in. Revisions are only comparable within one; a restore opens the next.
 * The first process that ever comes writes epoch 1.
 */
export async function openEpoch(client: EtcdClient): Promise<number> {
  // Read first: a full etcd refuses whatever might put, and a process that could not start would never make room.
  const stored = (await client.get(keys.epoch)) ?? (await firstEpoch(client));
  const epoch = (stored?.value as { epoch?: unknown } | undefined)?.epoch;
  if (typeof epoch !== 'number') throw new Error(`the key ${keys.epoch} holds no epoch`);
  return epoch;
}

async function firstEpoch(client: EtcdClient): Promise<KeyedEntry | undefined> {
  await client.txn({
    compare: [{ key: client.key(keys.epoch), target: 'Create', result: 'Equal', create_revision: '0' }],
    success: [{ request_put: { key: client.key(keys.epoch), value: encode({ schemaVersion: 1, epoch: 1 }) } }],
    failure: [],
  });
  return client.get(keys.epoch);
}
