import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Committer } from '../../../src/stores/etcd/committer';
import { CommitUncertainError, EtcdUnavailableError } from '../../../src/stores/etcd/errors';
import { Leases } from '../../../src/stores/etcd/lease';
import { breakerFailuresMax } from '../../../src/domain/limits';
import { closeClients, counting, creating, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { TcpProxy } from '../../support/tcp-proxy';

let etcd: OwnEtcd;
let proxy: TcpProxy;
let client: EtcdClient;

beforeAll(async () => {
  etcd = await OwnEtcd.start();
});
afterAll(() => etcd.remove());

beforeEach(async () => {
  proxy = await TcpProxy.to(etcd.url);
  client = openClient({ url: proxy.url, requestTimeoutMs: 300 });
  await client.revision();
});
afterEach(async () => {
  closeClients();
  await proxy.close();
});

async function untilOpen(): Promise<void> {
  await Promise.allSettled(Array.from({ length: breakerFailuresMax }, () => client.revision()));
  expect(client.breaker.state).not.toBe('closed');
}

describe('an etcd that does not answer', () => {
  it('is not asked any more, and used again when it is back, without anybody asking', async () => {
    proxy.hold();
    await untilOpen();
    await expect(client.get('a')).rejects.toThrow(EtcdUnavailableError);
    await expect(new Committer(client, () => 1).commit(creating('b'))).rejects.toThrow(EtcdUnavailableError);
    proxy.pass();
    await eventually('calls are let through', () => client.breaker.state === 'closed');
    expect(await client.get('instances/b/state')).toBeUndefined();
    expect(await new Committer(client, () => 1).commit(creating('b'))).toMatchObject({ kind: 'done' });
  });

  it('is asked all the same for a lease, and for what became of a commit', async () => {
    const leases = new Leases(client);
    const lease = await leases.grant(60_000);
    proxy.cut();
    await untilOpen();
    proxy.pass();
    expect(client.breaker.state).not.toBe('closed');
    await eventually('the lease is renewed', () => leases.renew(lease, 300).catch(() => false), 900);
  });

  it('leaves a commit that was sent with others an open question, not a refusal', async () => {
    const committer = new Committer(client, () => 1);
    // From then on it knows the shared key, and sends at once.
    await committer.commit(creating('first', { shared: counting('w') }));
    proxy.swallowAnswers();
    const commits = Array.from({ length: 2 }, (_, n) => committer.commit(creating(`folded-${n}`, { shared: counting('w') })));
    const settled = Promise.allSettled(commits);
    await untilOpen();
    for (const outcome of await settled) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(CommitUncertainError) });
    proxy.pass();
    await eventually('calls are let through', () => client.breaker.state === 'closed');
    expect(await client.get('instances/folded-0/state')).toBeDefined();
    // The same decision again is told that it is done.
    expect(await committer.commit(creating('folded-0', { shared: counting('w') }))).toMatchObject({ kind: 'done', repeated: true });
  });
});
