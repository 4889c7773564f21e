import { openEpoch } from '../../../src/stores/etcd/epoch';
import { keys } from '../../../src/stores/etcd/keys';
import { closeClients, openClient } from '../../support/etcd';

afterEach(closeClients);

describe('the epoch of a store', () => {
  it('is 1 for whoever comes first, and written once', async () => {
    const client = openClient();
    expect(new Set(await Promise.all(Array.from({ length: 10 }, () => openEpoch(client))))).toEqual(new Set([1]));
    const { version } = (await client.raw.kv.range({ key: client.key(keys.epoch) })).kvs[0]!;
    expect(version).toBe('1');
  });

  it('is what a restore has made it', async () => {
    const client = openClient();
    await client.raw.kv.put({ key: client.key(keys.epoch), value: Buffer.from('{"schemaVersion":1,"epoch":3}') });
    expect(await openEpoch(client)).toBe(3);
  });

  it('is not guessed from something else', async () => {
    const client = openClient();
    await client.raw.kv.put({ key: client.key(keys.epoch), value: Buffer.from('"junk"') });
    await expect(openEpoch(client)).rejects.toThrow('holds no epoch');
  });
});
