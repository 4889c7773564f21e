import type { Epochs } from '../../domain/epochs';
import { firstEpochs } from '../../domain/epochs';
import type { EtcdClient, KeyedEntry } from './client';
import { encode } from './client';
import { assertKnown } from './commit';
import { keys } from './keys';

/**
 * The epoch that this store is in, with those before it. Revisions are only comparable within one; a restore opens the
 * next. The first process that ever comes writes epoch 1.
 */
export async function openEpoch(client: EtcdClient): Promise<Epochs> {
  // Read first: a full etcd refuses whatever might put, and a process that could not start would never make room.
  const epochs = (await readEpochs(client)) ?? epochsOf(await firstEpoch(client));
  if (epochs === undefined) throw new Error(`the key ${keys.epoch} holds no epoch`);
  return epochs;
}

/** What the store says of its epochs; undefined if no process was ever here. */
export async function readEpochs(client: EtcdClient): Promise<Epochs | undefined> {
  return epochsOf(await client.get(keys.epoch));
}

/** Opens the next epoch of a restored store. For a store that nobody else writes to. */
export async function writeEpochs(client: EtcdClient, epochs: Epochs, openedAt: string): Promise<void> {
  await client.raw.kv.put({ key: client.key(keys.epoch), value: encode({ schemaVersion: 1, ...epochs, openedAt }) });
}

function epochsOf(stored: KeyedEntry | undefined): Epochs | undefined {
  if (stored === undefined) return undefined;
  assertKnown(keys.epoch, stored.value);
  const { epoch, firstRevision, history = [] } = (stored.value ?? {}) as Partial<Epochs>;
  if (typeof epoch !== 'number') throw new Error(`the key ${keys.epoch} holds no epoch`);
  return { epoch, ...(firstRevision !== undefined && { firstRevision }), history };
}

async function firstEpoch(client: EtcdClient): Promise<KeyedEntry | undefined> {
  await client.txn({
    compare: [{ key: client.key(keys.epoch), target: 'Create', result: 'Equal', create_revision: '0' }],
    success: [{ request_put: { key: client.key(keys.epoch), value: encode({ schemaVersion: 1, ...firstEpochs }) } }],
    failure: [],
  });
  return client.get(keys.epoch);
}
