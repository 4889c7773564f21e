import type { Epochs } from '../../../src/domain/epochs';
import { openEpoch, writeEpochs } from '../../../src/stores/etcd/epoch';
import { keys } from '../../../src/stores/etcd/keys';
import { closeClients, openClient } from '../../support/etcd';
import { at } from '../../support/domain-objects';

afterEach(closeClients);

describe('the epoch of a store', () => {
  it('is 1 for whoever comes first, and written once', async () => {
    const client = openClient();
    const opened = await Promise.all(Array.from({ length: 10 }, () => openEpoch(client)));
    expect(opened).toEqual(Array.from({ length: 10 }, () => ({ epoch: 1, history: [] })));
    const { version } = (await client.raw.kv.range({ key: client.key(keys.epoch) })).kvs[0]!;
    expect(version).toBe('1');
  });

  it('is what a restore has made it', async () => {
    const client = openClient();
    const epochs: Epochs = { epoch: 3, firstRevision: '1700', history: [{ epoch: 1, lastGoodRevision: '40' }] };
    await writeEpochs(client, epochs, at(0));
    expect(await openEpoch(client)).toEqual(epochs);
  });

  it('is read where only its number was written', async () => {
    const client = openClient();
    await client.raw.kv.put({ key: client.key(keys.epoch), value: Buffer.from('{"schemaVersion":1,"epoch":1}') });
    expect(await openEpoch(client)).toEqual({ epoch: 1, history: [] });
  });

  it('is not guessed from something else', async () => {
    const client = openClient();
    await client.raw.kv.put({ key: client.key(keys.epoch), value: Buffer.from('"junk"') });
    await expect(openEpoch(client)).rejects.toThrow('holds no epoch');
  });
});
