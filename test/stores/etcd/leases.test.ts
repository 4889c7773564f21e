import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Leases } from '../../../src/stores/etcd/lease';
import { closeClients, eventually, openClient } from '../../support/etcd';
import { testServers } from '../../support/servers';
import { TcpProxy } from '../../support/tcp-proxy';

let client: EtcdClient;
let leases: Leases;

beforeEach(() => {
  client = openClient();
  leases = new Leases(client);
});

afterEach(closeClients);

async function remainingMs(leaseId: string): Promise<number> {
  return Number((await client.raw.leaseClient.leaseTimeToLive({ ID: leaseId })).TTL) * 1_000;
}

describe('a lease', () => {
  it('lives as long as it is renewed, and its key with it', async () => {
    const leaseId = await leases.grant(2_000);
    await leases.put('workers/w/lease', { n: 1 }, leaseId, false);
    for (let second = 0; second < 3; second++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      expect(await leases.renew(leaseId, 1_000)).toBe(true);
    }
    expect((await client.get('workers/w/lease'))?.value).toEqual({ n: 1 });
    await eventually('it has run out', async () => (await client.get('workers/w/lease')) === undefined, 8_000);
    expect(await leases.renew(leaseId, 1_000)).toBe(false);
  }, 20_000);

  it('is granted for whole seconds, never for less than was asked', async () => {
    expect(await remainingMs(await leases.grant(10_001))).toBeGreaterThan(9_000);
  });

  it('is gone once it is revoked, and cannot be renewed', async () => {
    const leaseId = await leases.grant(60_000);
    await leases.put('workers/w/lease', {}, leaseId, false);
    await leases.revoke(leaseId);
    expect(await client.get('workers/w/lease')).toBeUndefined();
    expect(await leases.renew(leaseId, 1_000)).toBe(false);
    await expect(leases.put('workers/w/lease', {}, leaseId, false)).rejects.toThrow(/lease not found/);
    await expect(leases.revoke(leaseId)).rejects.toThrow(/lease not found/);
  });

  it('puts a key only where none is, when asked to', async () => {
    const [one, other] = [await leases.grant(60_000), await leases.grant(60_000)];
    const revision = await leases.put('k', { by: 'one' }, one, true);
    expect(await leases.put('k', { by: 'other' }, other, true)).toBeUndefined();
    expect(await client.get('k')).toEqual({ key: 'k', value: { by: 'one' }, revision });
    expect(await leases.put('k', { by: 'other' }, other, false)).toBeGreaterThan(revision!);
    // The key belongs to the lease of its last put.
    await leases.revoke(one);
    expect((await client.get('k'))?.value).toEqual({ by: 'other' });
  });

  it.each(['hold', 'cut', 'swallowAnswers'] as const)('whose renewal meets a network that does %s fails within its time', async (fault) => {
    const proxy = await TcpProxy.to(testServers().etcd);
    const far = new Leases(openClient({ url: proxy.url }));
    const leaseId = await far.grant(60_000);
    expect(await far.renew(leaseId, 1_000)).toBe(true);
    proxy[fault]();
    const beganAt = Date.now();
    await expect(far.renew(leaseId, 500)).rejects.toThrow();
    expect(Date.now() - beganAt).toBeLessThan(1_000);
    proxy.pass();
    await eventually('it is renewed again', () => far.renew(leaseId, 500).catch(() => false));
    await proxy.close();
  });

  it('is renewed by many at once', async () => {
    const leaseId = await leases.grant(60_000);
    expect(new Set(await Promise.all(Array.from({ length: 100 }, () => leases.renew(leaseId, 5_000))))).toEqual(new Set([true]));
  });
});
