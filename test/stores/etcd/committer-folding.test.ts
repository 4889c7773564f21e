import { claimCapacity, emptyCapacity } from '../../../src/domain/capacity';
import { commitBytesMax, commitOperationsMax } from '../../../src/domain/limits';
import type { WorkerCapacity } from '../../../src/domain/worker';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { CommitOutcome, Decision, OutboxValue } from '../../../src/stores/etcd/commit';
import { Committer } from '../../../src/stores/etcd/committer';
import { keys } from '../../../src/stores/etcd/keys';
import { closeClients, counting, creating, event, openClient } from '../../support/etcd';

afterEach(closeClients);

/** A process of its own: a committer on a connection of its own, whose transactions are counted. */
function openProcess(prefix?: string, idleGroupsMax?: number) {
  const client = openClient(prefix === undefined ? {} : { prefix });
  const txn = jest.spyOn(client, 'txn');
  return { client, committer: new Committer(client, () => 1, undefined, idleGroupsMax), transactions: () => txn.mock.calls.length };
}

async function countOf(client: EtcdClient, group: string): Promise<number> {
  return ((await client.get(keys.workerCapacity(group)))?.value as { count: number } | undefined)?.count ?? 0;
}

/** The places of all events in the one order: revision and index. */
async function placesOfEvents(client: EtcdClient): Promise<string[]> {
  const { entries } = await client.list(keys.outboxPrefix);
  return entries.flatMap(({ revision, value }) => {
    const { firstIndex, events } = value as OutboxValue;
    return events.map((_, position) => `${revision}.${firstIndex + position}`);
  });
}

function revisionsOf(outcomes: readonly CommitOutcome[]): number[] {
  return outcomes.map((outcome) => (outcome.kind === 'done' ? outcome.revision : NaN));
}

describe('decisions that meet at a hot key', () => {
  it('fold into one transaction, their events numbered through', async () => {
    const { client, committer } = openProcess();
    const decisions = ['a', 'b', 'c'].map((id) => creating(id, { shared: counting('w'), events: [event(id), event(id)] }));
    const outcomes = await Promise.all(decisions.map((decision) => committer.commit(decision)));
    expect(new Set(revisionsOf(outcomes)).size).toBe(1);
    expect(await countOf(client, 'w')).toBe(3);
    const revision = revisionsOf(outcomes)[0];
    expect((await placesOfEvents(client)).sort()).toEqual([0, 1, 2, 3, 4, 5].map((index) => `${revision}.${index}`));
  });

  it('do not wait for those at another one', async () => {
    const { client, committer } = openProcess();
    await Promise.all(['a', 'b'].map((id) => committer.commit(creating(id, { shared: counting(`w-${id}`) }))));
    expect([await countOf(client, 'w-a'), await countOf(client, 'w-b')]).toEqual([1, 1]);
  });

  it('change several keys together, each once', async () => {
    const { client, committer } = openProcess();
    const both = { group: 'w', changes: [...counting('w').changes, ...counting('other').changes] };
    await Promise.all(['a', 'b', 'c'].map((id) => committer.commit(creating(id, { shared: both }))));
    expect([await countOf(client, 'w'), await countOf(client, 'other')]).toEqual([3, 3]);
  });

  it('need no read and one transaction each when they come one after the other', async () => {
    const { client, committer, transactions } = openProcess();
    const get = jest.spyOn(client, 'get');
    for (const id of ['a', 'b', 'c', 'd']) await committer.commit(creating(id, { shared: counting('w') }));
    expect([transactions(), get.mock.calls.length]).toEqual([4, 1]);
  });

  it('are remembered for so many hot keys and no more, but never forgotten while any of them waits', async () => {
    const { client, committer, transactions } = openProcess(undefined, 2);
    const get = jest.spyOn(client, 'get');
    const commit = (id: string, group: string) => committer.commit(creating(id, { shared: counting(group) }));
    for (const group of ['w-1', 'w-2', 'w-3']) await commit(`first-${group}`, group);
    const reads = async (group: string) => {
      const before = get.mock.calls.length;
      await commit(`second-${group}`, group);
      return get.mock.calls.length - before;
    };
    expect([await reads('w-2'), await reads('w-3'), await reads('w-1')]).toEqual([0, 0, 1]);
    const before = transactions();
    const groups = ['w-1', 'w-2', 'w-3', 'w-4'];
    await Promise.all(['a', 'b', 'c'].flatMap((id) => groups.map((group) => commit(`${id}-${group}`, group))));
    expect(transactions() - before).toBe(4);
    expect(await Promise.all(groups.map((group) => countOf(client, group)))).toEqual([5, 5, 5, 3]);
  });

  it('fold also where all of them rely on the same keys, which are compared once', async () => {
    const { client, committer, transactions } = openProcess();
    const relied = Array.from({ length: 10 }, (_, index) => ({ key: `orgs/o-${index}/spec`, revision: 0 }));
    const decisions = Array.from({ length: 15 }, (_, index) => creating(`i-${index}`, { shared: counting('w') }));
    const outcomes = await Promise.all(decisions.map((decision) => committer.commit({ ...decision, compares: [...decision.compares, ...relied] })));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done']));
    expect([await countOf(client, 'w'), transactions()]).toEqual([15, 1]);
  });

  it('from two processes, a hundred at once, are all done, once, in few transactions', async () => {
    const one = openProcess();
    const other = openProcess(one.client.prefix);
    const resources = { cpuMillicores: 10, memoryMib: 7, storageMib: 1 };
    const declared = { cpuMillicores: 100_000, memoryMib: 100_000, storageMib: 100_000 };
    const shared: Decision['shared'] = {
      group: 'w',
      changes: [{ key: keys.workerCapacity('w'), apply: (current) => claimCapacity((current as WorkerCapacity | undefined) ?? emptyCapacity(declared), resources, 1) }],
    };
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : other).committer.commit(creating(`i-${index}`, { shared }))),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 100 }, () => 'done'));
    expect((await one.client.get(keys.workerCapacity('w')))?.value).toMatchObject({ instances: 100, allocated: { cpuMillicores: 1000, memoryMib: 700, storageMib: 100 } });
    const places = await placesOfEvents(one.client);
    expect(new Set(places).size).toBe(100);
    expect(one.transactions() + other.transactions()).toBeLessThan(30);
  });

  it('from four processes, in waves, lose nothing', async () => {
    const first = openProcess();
    const processes = [first, openProcess(first.client.prefix), openProcess(first.client.prefix), openProcess(first.client.prefix)];
    const outcomes = await Promise.all(
      processes.map(async ({ committer }, process) => {
        const seen: CommitOutcome[] = [];
        for (let wave = 0; wave < 5; wave++) {
          const decisions = Array.from({ length: 8 }, (_, index) => creating(`p${process}-${wave}-${index}`, { shared: counting('w') }));
          seen.push(...(await Promise.all(decisions.map((decision) => committer.commit(decision)))));
        }
        return seen;
      }),
    );
    expect(new Set(outcomes.flat().map(({ kind }) => kind))).toEqual(new Set(['done']));
    expect(await countOf(first.client, 'w')).toBe(160);
  });
});

describe('a decision among others at a hot key', () => {
  it('is changed alone when a key of its own has changed', async () => {
    const { client, committer } = openProcess();
    await committer.commit(creating('b'));
    const outcomes = await Promise.all(['a', 'b', 'c'].map((id) => committer.commit(creating(id, { id: `claim-${id}`, shared: counting('w') }))));
    expect(outcomes).toMatchObject([{ kind: 'done' }, { kind: 'changed', keys: ['instances/b/state'] }, { kind: 'done' }]);
    expect(await countOf(client, 'w')).toBe(2);
  });

  it('is refused alone when it does not fit', async () => {
    const { client, committer } = openProcess();
    const outcomes = await Promise.all([3, 4, 2].map((by, index) => committer.commit(creating(`i-${index}`, { shared: counting('w', by, 5) }))));
    expect(outcomes).toMatchObject([{ kind: 'done' }, { kind: 'refused', refusal: { code: 'Full', message: '5 of 5 are taken' } }, { kind: 'done' }]);
    expect(await countOf(client, 'w')).toBe(5);
    expect(await client.get('instances/i-1/state')).toBeUndefined();
  });

  it('is not refused on a value that has been seen before and is no longer so', async () => {
    const one = openProcess();
    const other = openProcess(one.client.prefix);
    await one.committer.commit(creating('a', { shared: counting('w', 5, 5) }));
    await other.committer.commit(creating('b', { shared: counting('w', -5) }));
    expect(await one.committer.commit(creating('c', { shared: counting('w', 5, 5) }))).toMatchObject({ kind: 'done' });
  });

  it('is decided on the newest value when somebody else has changed it', async () => {
    const one = openProcess();
    const other = openProcess(one.client.prefix);
    await one.committer.commit(creating('a', { shared: counting('w', 1, 5) }));
    await other.committer.commit(creating('b', { shared: counting('w', 3, 5) }));
    expect(await one.committer.commit(creating('c', { shared: counting('w', 1, 5) }))).toMatchObject({ kind: 'done' });
    await other.committer.commit(creating('d', { shared: counting('w', -4) }));
    await one.committer.commit(creating('e', { shared: counting('w', 4, 5) }));
    expect(await other.committer.commit(creating('f', { shared: counting('w', 1, 5) }))).toMatchObject({ kind: 'refused' });
    expect(await countOf(one.client, 'w')).toBe(5);
  });

  it('finds a shared key that was deleted meanwhile gone', async () => {
    const { client, committer } = openProcess();
    await committer.commit(creating('a', { shared: counting('w', 4) }));
    await client.raw.kv.deleteRange({ key: client.key(keys.workerCapacity('w')) });
    expect(await committer.commit(creating('b', { shared: counting('w', 1) }))).toMatchObject({ kind: 'done' });
    expect(await countOf(client, 'w')).toBe(1);
  });

  it('is done once when it is asked for several times at once, even with nothing of its own to write', async () => {
    const { client, committer } = openProcess();
    const claim: Decision = { id: 'claim', compares: [], puts: [], deletes: [], shared: counting('w'), events: [event('a')] };
    const outcomes = await Promise.all([claim, claim, claim].map((decision) => committer.commit(decision)));
    expect(outcomes.map((outcome) => outcome.kind === 'done' && outcome.repeated).sort()).toEqual([false, true, true]);
    expect(await countOf(client, 'w')).toBe(1);
  });

  it('that was done is done when it is repeated, though its change is no longer possible', async () => {
    const { client, committer } = openProcess();
    const claim = creating('a', { shared: counting('w', 5, 5) });
    const first = await committer.commit(claim);
    expect(await committer.commit(claim)).toEqual({ ...first, repeated: true });
    expect(await new Committer(openClient({ prefix: client.prefix }), () => 1).commit(claim)).toEqual({ ...first, repeated: true });
    expect(await countOf(client, 'w')).toBe(5);
  });

  it('whose own key has changed hears so, though its change is no longer possible either', async () => {
    const { committer } = openProcess();
    await committer.commit(creating('a', { shared: counting('w', 5, 5) }));
    expect(await committer.commit(creating('a', { id: 'another', shared: counting('w', 5, 5) }))).toEqual({ kind: 'changed', keys: ['instances/a/state'] });
  });

  it('does not harm the others when it cannot be written at all', async () => {
    const { client, committer } = openProcess();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const bad = [
      creating('huge', { shared: counting('w'), puts: [{ key: 'instances/huge/state', value: 'x'.repeat(commitBytesMax) }] }),
      creating('circular', { shared: counting('w'), puts: [{ key: 'instances/circular/state', value: circular }] }),
      creating('throwing', { shared: { group: 'w', changes: [{ key: keys.workerCapacity('w'), apply: () => { throw new RangeError('no'); } }] } }),
    ];
    const [good, ...failed] = await Promise.allSettled([creating('a', { shared: counting('w') }), ...bad].map((decision) => committer.commit(decision)));
    expect(good).toMatchObject({ status: 'fulfilled', value: { kind: 'done' } });
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await committer.commit(creating('b', { shared: counting('w') }))).toMatchObject({ kind: 'done' });
    expect(await countOf(client, 'w')).toBe(2);
  });
});

describe('a batch', () => {
  it('is no larger than a commit may be, in operations', async () => {
    const { client, committer, transactions } = openProcess();
    const decisions = Array.from({ length: 150 }, (_, index) => creating(`i-${index}`, { shared: counting('w') }));
    const outcomes = await Promise.all(decisions.map((decision) => committer.commit(decision)));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done']));
    expect(transactions()).toBeGreaterThanOrEqual(300 / commitOperationsMax);
    expect(transactions()).toBeLessThan(10);
    expect(await countOf(client, 'w')).toBe(150);
  });

  it('is no larger than a commit may be, in bytes on the wire', async () => {
    const { client, committer, transactions } = openProcess();
    const value = '字'.repeat(commitBytesMax / 16);
    const decisions = Array.from({ length: 12 }, (_, index) => creating(`i-${index}`, { shared: counting('w'), puts: [{ key: `instances/i-${index}/state`, value }] }));
    const outcomes = await Promise.all(decisions.map((decision) => committer.commit(decision)));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['done']));
    expect(transactions()).toBeLessThan(12);
    expect(await countOf(client, 'w')).toBe(12);
  });

  it('holds no two decisions about the same key', async () => {
    const { client, committer } = openProcess();
    const label = (id: string) => creating('a', { id, compares: [], shared: counting('w'), puts: [{ key: 'instances/a/state', value: { schemaVersion: 1, id } }] });
    const outcomes = await Promise.all(['x', 'y', 'z'].map((id) => committer.commit(label(id))));
    expect(new Set(revisionsOf(outcomes)).size).toBe(3);
    expect(await countOf(client, 'w')).toBe(3);
  });
});
