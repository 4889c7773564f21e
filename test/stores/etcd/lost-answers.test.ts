import { Committer } from '../../../src/stores/etcd/committer';
import { CommitUncertainError } from '../../../src/stores/etcd/errors';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { Decision } from '../../../src/stores/etcd/commit';
import { keys } from '../../../src/stores/etcd/keys';
import { closeClients, counting, creating, eventually, openClient, OwnEtcd } from '../../support/etcd';
import { testServers } from '../../support/servers';
import { TcpProxy } from '../../support/tcp-proxy';

let proxy: TcpProxy;
/** Sees etcd without the proxy. */
let direct: EtcdClient;
let client: EtcdClient;
let committer: Committer;

beforeEach(async () => {
  proxy = await TcpProxy.to(testServers().etcd);
  direct = openClient();
  client = openClient({ prefix: direct.prefix, url: proxy.url, requestTimeoutMs: 1_000 });
  committer = new Committer(client, () => 1);
  // Connected before anything goes wrong.
  await client.revision();
});

afterEach(async () => {
  closeClients();
  await proxy.close();
});

async function happened(decision: Decision): Promise<boolean> {
  return (await direct.get(keys.outbox(decision.id))) !== undefined;
}

/** The commit has happened, and its answer cannot come any more: the connection has lost bytes. */
async function isLost(decision: Decision): Promise<boolean> {
  return proxy.swallowedBytes > 0 && (await happened(decision));
}

async function count(): Promise<number> {
  return ((await direct.get(keys.workerCapacity('w')))?.value as { count: number } | undefined)?.count ?? 0;
}

/** Everything gets through again, and the client has noticed. */
async function passAgain(): Promise<void> {
  proxy.pass();
  await eventually('the connection is back', () => client.revision().then(() => true, () => false));
}

describe('an answer that is lost after the commit', () => {
  it('is found again: done, once', async () => {
    const decision = creating('a');
    proxy.swallowAnswers();
    const committing = committer.commit(decision);
    await eventually('the commit has happened', () => isLost(decision));
    const { revision } = (await direct.get('instances/a/state'))!;
    proxy.pass();
    expect(await committing).toEqual({ kind: 'done', revision, repeated: true });
  });

  it('is found again for every one of a folded transaction, claims that would not fit twice included', async () => {
    await committer.commit(creating('first', { shared: counting('w', 0) }));
    const decisions = ['a', 'b', 'c'].map((id) => creating(id, { shared: counting('w', 1, 3) }));
    proxy.swallowAnswers();
    const committing = Promise.all(decisions.map((decision) => committer.commit(decision)));
    await eventually('the commit has happened', () => isLost(decisions[2]!));
    proxy.pass();
    expect(await committing).toMatchObject([1, 2, 3].map(() => ({ kind: 'done', repeated: true })));
    expect(await count()).toBe(3);
  });

  it('and whose events were moved on meanwhile, is answered by the object: look again', async () => {
    const decision = creating('a');
    proxy.swallowAnswers();
    const committing = committer.commit(decision);
    await eventually('the commit has happened', () => isLost(decision));
    await direct.raw.kv.deleteRange({ key: direct.key(keys.outbox(decision.id)) });
    proxy.pass();
    expect(await committing).toEqual({ kind: 'changed', keys: ['instances/a/state'] });
  });

  it('with nobody to ask is uncertain, names its cause, and the same decision is applied once when it is repeated', async () => {
    await committer.commit(creating('first', { shared: counting('w', 0) }));
    const decision = creating('a', { shared: counting('w', 1, 1) });
    proxy.swallowAnswers();
    const failed = await committer.commit(decision).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(CommitUncertainError);
    expect((failed as CommitUncertainError).cause).toBeInstanceOf(Error);
    expect(await happened(decision)).toBe(true);
    await passAgain();
    expect(await committer.commit(decision)).toMatchObject({ kind: 'done', repeated: true });
    expect(await count()).toBe(1);
  });
});

describe('a request that is lost before the commit', () => {
  it('is sent again: done, once', async () => {
    proxy.hold();
    const committing = committer.commit(creating('a'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    proxy.breakConnections();
    proxy.pass();
    expect(await committing).toMatchObject({ kind: 'done', repeated: false });
  });

  it('is uncertain while nobody answers, changes nothing later, and is done when it is repeated', async () => {
    const decision = creating('a', { shared: counting('w') });
    proxy.cut();
    await expect(committer.commit(decision)).rejects.toThrow();
    await expect(committer.commit(creating('b'))).rejects.toThrow(CommitUncertainError);
    expect((await direct.list('')).entries).toEqual([]);
    await passAgain();
    expect(await committer.commit(decision)).toMatchObject({ kind: 'done', repeated: false });
    expect(await count()).toBe(1);
  });

  it('fails within its time when the network is gone without a word', async () => {
    proxy.hold();
    const beganAt = Date.now();
    await expect(committer.commit(creating('a'))).rejects.toThrow(CommitUncertainError);
    expect(Date.now() - beganAt).toBeLessThan(20_000);
  });

  it('and arrives late, when its object has moved on, is refused by etcd', async () => {
    const decision = creating('a');
    proxy.hold();
    const committing = committer.commit(decision).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await new Committer(direct, () => 1).commit(creating('a', { id: 'somebody-else', puts: [{ key: 'instances/a/state', value: { theirs: true } }] }));
    proxy.pass();
    expect(await committing).toEqual({ kind: 'changed', keys: ['instances/a/state'] });
    expect((await direct.get('instances/a/state'))?.value).toEqual({ theirs: true });
  });
});

it('a hundred commits over a line that breaks again and again are applied once each', async () => {
  let isBreaking = true;
  // At ever longer intervals: however slow the machine, in the end a commit gets through between two of them.
  const breaking = (async () => {
    for (let pauseMs = 15; isBreaking; pauseMs *= 1.1) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      proxy.breakConnections();
    }
  })();
  const deadline = Date.now() + 50_000;
  const untilDone = async (decision: Decision): Promise<void> => {
    for (;;) {
      const outcome = await committer.commit(decision).catch((error: unknown) => {
        if (Date.now() > deadline) throw error;
      });
      if (outcome) return expect(outcome.kind).toBe('done');
    }
  };
  try {
    await Promise.all(Array.from({ length: 100 }, (_, index) => untilDone(creating(`i-${index}`, { shared: counting(`w`) }))));
  } finally {
    isBreaking = false;
    await breaking;
  }
  expect(await count()).toBe(100);
  expect((await direct.list(keys.outboxPrefix)).entries).toHaveLength(100);
}, 60_000);

describe('what etcd refuses to do', () => {
  it('is told at once, without being sent again', async () => {
    const txn = jest.spyOn(client, 'txn');
    const twice = creating('a', { deletes: ['instances/a/state'] });
    await expect(committer.commit(twice)).rejects.toThrow(/duplicate key/);
    expect(txn).toHaveBeenCalledTimes(1);
  });

  it('because it is full, leaves room to delete', async () => {
    const etcd = await OwnEtcd.start();
    try {
      const full = openClient({ url: etcd.url });
      const own = new Committer(full, () => 1);
      await own.commit(creating('a'));
      await full.raw.maintenance.alarm({ action: 'Activate', memberID: '1', alarm: 'Nospace' });
      const txn = jest.spyOn(full, 'txn');
      await expect(own.commit(creating('b'))).rejects.toThrow(/space exceeded/);
      expect(txn).toHaveBeenCalledTimes(1);
      expect(await own.commit({ id: 'trim', compares: [], puts: [], deletes: [keys.outbox('instances/a/0/create')], events: [] })).toMatchObject({ kind: 'done' });
      expect((await full.list(keys.outboxPrefix)).entries).toEqual([]);
    } finally {
      await etcd.remove();
    }
  });
});
