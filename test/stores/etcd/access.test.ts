import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdAuthenticationFailedError, EtcdPermissionDeniedError } from 'etcd3';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Leases } from '../../../src/stores/etcd/lease';
import { WatchCache } from '../../../src/stores/etcd/watch-cache';

import { closeClients, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { TcpProxy } from '../../support/tcp-proxy';

const tokenTtlSeconds = 1;
const access = { user: { name: 'somebody', password: 'of importance' } };
let etcd: OwnEtcd;
let client: EtcdClient;

beforeAll(async () => {
  etcd = await OwnEtcd.start({ flags: [`--auth-token-ttl=${tokenTtlSeconds}`] });
  const open = openClient({ url: etcd.url });
  const { auth } = open.raw;
  await auth.userAdd({ name: 'root', password: 'root' });
  await auth.userGrantRole({ user: 'root', role: 'root' });
  await auth.userAdd({ name: access.user.name, password: access.user.password });
  await auth.roleAdd({ name: 'some' });
  await auth.roleGrantPermission({ name: 'some', perm: { permType: 'Readwrite', key: Buffer.from('/some/'), range_end: Buffer.from('/some0') } });
  await auth.userGrantRole({ user: access.user.name, role: 'some' });
  await auth.authEnable();
  client = openClient({ url: etcd.url, prefix: '/some/', access });
});

afterAll(async () => {
  closeClients();
  await etcd.remove();
});

const put = (key: string) => client.txn({ compare: [], success: [{ request_put: { key: client.key(key), value: Buffer.from('{}') } }], failure: [] });

test('a process is who its user is, and may what its roles say', async () => {
  await put('mine');
  expect((await client.get('mine'))?.value).toEqual({});
  const elsewhere = openClient({ url: etcd.url, prefix: '/other/', access });
  await expect(elsewhere.get('theirs')).rejects.toThrow(EtcdPermissionDeniedError);
});

test('a wrong password is told as one, and takes nobody for away', async () => {
  const wrong = openClient({ url: etcd.url, prefix: '/some/', access: { user: { name: 'somebody', password: 'else' } } });
  await expect(wrong.get('mine')).rejects.toThrow(EtcdAuthenticationFailedError);
  await expect(wrong.get('mine')).rejects.toThrow(EtcdAuthenticationFailedError);
});

test('calls, watches and leases go on when the token has run out', async () => {
  const leases = new Leases(client);
  const leaseId = await leases.grant(60_000);
  // Time alone makes a token run out, and only while nobody uses it.
  await sleep((tokenTtlSeconds + 2) * 1_000);
  expect(await leases.renew(leaseId, 5_000)).toBe(true);
  await sleep((tokenTtlSeconds + 2) * 1_000);
  await put('after');
  await sleep((tokenTtlSeconds + 2) * 1_000);
  const cache = new WatchCache(client, () => undefined);
  await cache.start();
  await put('watched');
  await eventually('the cache hears of it', () => cache.get('watched') !== undefined);
  cache.stop();
}, 40_000);

test('a watch goes on with an etcd that was started anew', async () => {
  const problems: string[] = [];
  const cache = new WatchCache(client, (problem, cause) => problems.push(`${problem}: ${String(cause)}`));
  await cache.start();
  await etcd.kill();
  await etcd.startAgain();
  await eventually('it is written again', () => put('restarted').then(() => true, () => false), 20_000);
  await eventually('the cache hears of it', () => cache.get('restarted') !== undefined, 20_000);
  cache.stop();
}, 60_000);

test('a watch whose connection is lost after the token has run out, with no other call beside it, is opened with a new one', async () => {
  const proxy = await TcpProxy.to(etcd.url);
  const lone = openClient({ url: proxy.url, prefix: '/some/', access });
  const cache = new WatchCache(lone, () => undefined);
  await cache.start();
  await sleep((tokenTtlSeconds + 2) * 1_000);
  proxy.breakConnections();
  await put('lone');
  await eventually('the cache hears of it', () => cache.get('lone') !== undefined, 20_000);
  cache.stop();
  lone.close();
  await proxy.close();
}, 60_000);

test('who has a user where etcd asks nobody is served all the same', async () => {
  const open = await OwnEtcd.start();
  try {
    const user = openClient({ url: open.url, prefix: '/some/', access });
    expect(await user.get('mine')).toBeUndefined();
    user.close();
  } finally {
    await open.remove();
  }
}, 60_000);
