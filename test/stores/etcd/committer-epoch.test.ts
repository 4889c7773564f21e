import { nextEpochs } from '../../../src/domain/epochs';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import { Committer } from '../../../src/stores/etcd/committer';
import { openEpoch, writeEpochs } from '../../../src/stores/etcd/epoch';
import { EpochEndedError } from '../../../src/stores/etcd/errors';
import { keys } from '../../../src/stores/etcd/keys';
import { at } from '../../support/domain-objects';
import { closeClients, counting, creating, openClient } from '../../support/etcd';

let client: EtcdClient;
let committer: Committer;

beforeEach(async () => {
  client = openClient();
  const { epoch } = await openEpoch(client);
  committer = new Committer(client, () => epoch, { key: keys.epoch, revision: (await client.get(keys.epoch))!.revision });
});

afterEach(closeClients);

const openNext = () => writeEpochs(client, nextEpochs({ epoch: 1, history: [] }, { lastGoodRevision: '1', firstRevision: '2', highestEpochSeen: 1 }), at(0));

const decisions = { alone: creating('a'), 'with shared keys': { ...creating('a'), shared: counting('w') } };

describe.each(Object.entries(decisions))('a commit %s', (_, decision) => {
  it('is made in the epoch that its process began in, and compares no more of what it decided on', async () => {
    expect(await committer.commit(decision)).toMatchObject({ kind: 'done', repeated: false });
    expect(await committer.commit(decision)).toMatchObject({ kind: 'done', repeated: true });
    expect(await committer.commit({ ...decision, id: 'another' })).toMatchObject({ kind: 'changed', keys: ['instances/a/state'] });
  });

  it('is refused once the store was restored beneath its process, with nothing written', async () => {
    await openNext();
    await expect(committer.commit(decision)).rejects.toThrow(EpochEndedError);
    expect((await client.list('')).entries.map(({ key }) => key)).toEqual([keys.epoch]);
  });

  it('is refused in an empty store that took the place of its own', async () => {
    await client.raw.kv.deleteRange({ key: client.key(keys.epoch) });
    await expect(committer.commit(decision)).rejects.toThrow('no longer in epoch 1');
    expect((await client.list('')).entries).toEqual([]);
  });
});

test('commits that fold into one transaction are refused as well', async () => {
  await openNext();
  const folded = ['a', 'b', 'c'].map((id) => committer.commit({ ...creating(id), shared: counting('w') }));
  const outcomes = await Promise.allSettled(folded);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect((await client.list('')).entries).toHaveLength(1);
});
