import { commitBytesMax, commitComparesMax, commitOperationsMax } from '../../../src/domain/limits';
import type { EtcdClient, KeyedEntry } from '../../../src/stores/etcd/client';
import type { Decision, OutboxValue } from '../../../src/stores/etcd/commit';
import { Committer } from '../../../src/stores/etcd/committer';
import { CommitTooLargeError, ValueNewerError } from '../../../src/stores/etcd/errors';
import { keys } from '../../../src/stores/etcd/keys';
import { closeClients, counting, creating, event, openClient } from '../../support/etcd';

afterEach(closeClients);

function open() {
  const client = openClient();
  return { client, committer: new Committer(client, () => 7) };
}

async function outbox(client: ReturnType<typeof openClient>, decision: Decision): Promise<OutboxValue | undefined> {
  return (await client.get(keys.outbox(decision.id)))?.value as OutboxValue | undefined;
}

describe('a commit', () => {
  it('writes values and events at one revision', async () => {
    const { client, committer } = open();
    const decision = creating('a', { events: [event('a'), event('a', { second: true })] });
    const outcome = await committer.commit(decision);
    const [state, recorded] = [await client.get('instances/a/state'), await client.get(keys.outbox(decision.id))];
    expect(outcome).toEqual({ kind: 'done', revision: state?.revision, repeated: false });
    expect(recorded?.revision).toBe(state?.revision);
    expect(recorded?.value).toEqual({ schemaVersion: 1, epoch: 7, firstIndex: 0, events: decision.events });
  });

  it('deletes, and needs no events', async () => {
    const { client, committer } = open();
    await committer.commit(creating('a'));
    const outcome = await committer.commit({ id: 'x', compares: [], puts: [], deletes: ['instances/a/state', 'instances/none'], events: [] });
    expect(outcome.kind).toBe('done');
    expect(await client.get('instances/a/state')).toBeUndefined();
    expect((await client.list(keys.outboxPrefix)).entries).toHaveLength(1);
  });

  it('creates only what is not there, and says what is', async () => {
    const { client, committer } = open();
    await committer.commit(creating('a'));
    const second = creating('a', { id: 'another', puts: [{ key: 'instances/a/state', value: { schemaVersion: 1, mine: true } }] });
    expect(await committer.commit(second)).toEqual({ kind: 'changed', keys: ['instances/a/state'] });
    expect((await client.get('instances/a/state'))?.value).toEqual({ schemaVersion: 1, id: 'a' });
    expect(await outbox(client, second)).toBeUndefined();
  });

  it('names every key that has changed, and only those, also one that is gone', async () => {
    const { client, committer } = open();
    for (const id of ['a', 'b', 'c']) await committer.commit(creating(id));
    const seen = (await client.list('instances/')).entries;
    await committer.commit({ id: 'x', compares: [], puts: [{ key: 'instances/b/state', value: {} }], deletes: ['instances/c/state'], events: [] });
    const compares = seen.map(({ key, revision }) => ({ key, revision }));
    const outcome = await committer.commit(creating('d', { compares }));
    expect(outcome).toEqual({ kind: 'changed', keys: ['instances/b/state', 'instances/c/state'] });
    expect(await client.get('instances/d/state')).toBeUndefined();
  });

  it('is done once, however often it is repeated', async () => {
    const { client, committer } = open();
    const first = await committer.commit(creating('a'));
    const again = await Promise.all([committer.commit(creating('a')), committer.commit(creating('a')), new Committer(openClient({ prefix: client.prefix }), () => 7).commit(creating('a'))]);
    for (const outcome of again) expect(outcome).toEqual({ ...first, repeated: true });
    expect((await client.list(keys.outboxPrefix)).entries).toHaveLength(1);
  });

  it('once its events were moved on, is answered by the object\'s revision: look again', async () => {
    const { client, committer } = open();
    const decision = creating('a');
    await committer.commit(decision);
    await committer.commit({ id: 'trim', compares: [], puts: [], deletes: [keys.outbox(decision.id)], events: [] });
    expect(await committer.commit(decision)).toEqual({ kind: 'changed', keys: ['instances/a/state'] });
    expect((await client.list(keys.outboxPrefix)).entries).toEqual([]);
  });

  it('is done by exactly one of twenty who decided on the same revision', async () => {
    const { committer } = open();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => committer.commit(creating('a', { id: `by-${index}` }))));
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'changed')).toHaveLength(19);
  });
});

describe('the bounds of a commit', () => {
  const put = (index: number, value: unknown = {}) => ({ key: `instances/i-${index}/state`, value });
  const compare = (index: number) => ({ key: `instances/i-${index}/state`, revision: 0 });
  const bare: Decision = { id: 'big', compares: [], puts: [], deletes: [], events: [] };
  const many = (length: number) => Array.from({ length }, (_, index) => index);

  it.each<[what: string, decision: Decision]>([
    ['puts and deletes', { ...bare, puts: many(commitOperationsMax / 2).map((index) => put(index)), deletes: many(commitOperationsMax / 2).map((index) => `workers/${index}`) }],
    ['compares', { ...bare, compares: many(commitComparesMax).map(compare), puts: [put(0)] }],
    ['compares, the outbox key included', { ...bare, compares: many(commitComparesMax - 1).map(compare), puts: [put(0)], events: [event('a')] }],
    ['bytes', { ...bare, puts: [put(0, 'x'.repeat(commitBytesMax - 2))] }],
  ])('let through as many %s as may be, which etcd takes', async (_what, decision) => {
    const { committer } = open();
    expect(await committer.commit(decision)).toMatchObject({ kind: 'done' });
  });

  it.each<[what: string, decision: Decision]>([
    ['operations', { ...bare, puts: many(commitOperationsMax).map((index) => put(index)), deletes: ['workers/w'] }],
    ['operations, the outbox key included', { ...bare, puts: many(commitOperationsMax).map((index) => put(index)), events: [event('a')] }],
    ['operations, a shared key included', { ...bare, puts: many(commitOperationsMax).map((index) => put(index)), shared: counting('w') }],
    ['compares', { ...bare, compares: many(commitComparesMax + 1).map(compare), puts: [put(0)] }],
    ['bytes', { ...bare, puts: [put(0, 'x'.repeat(commitBytesMax))] }],
    ['bytes of events', { ...bare, puts: [put(0)], events: [event('a', { text: 'x'.repeat(commitBytesMax) })] }],
    ['bytes, counted as they are on the wire', { ...bare, puts: [put(0, '字'.repeat(commitBytesMax / 2))] }],
  ])('refuse too many %s with nothing written', async (_what, decision) => {
    const { client, committer } = open();
    await expect(committer.commit(decision)).rejects.toThrow(CommitTooLargeError);
    expect((await client.list('')).entries).toEqual([]);
  });
});

describe('a value of a newer program', () => {
  const newer = { schemaVersion: 2, count: 5, unknown: 'kept' };
  const key = 'instances/a/state';

  /** Written past the committer, as only a newer program can. */
  async function seed(client: EtcdClient): Promise<KeyedEntry> {
    await client.raw.kv.put({ key: client.key(key), value: Buffer.from(JSON.stringify(newer)) });
    return (await client.get(key))!;
  }

  it('is not overwritten by what was made of it', async () => {
    const { client, committer } = open();
    await committer.commit({ id: 'seed', compares: [], puts: [{ key: 'instances/a/state', value: { schemaVersion: 1 } }], deletes: [], events: [] });
    const { revision } = (await client.get('instances/a/state'))!;
    const decision = creating('a', { compares: [{ key: 'instances/a/state', revision }], puts: [{ key: 'instances/a/state', value: { ...newer, count: 6 } }] });
    await expect(committer.commit(decision)).rejects.toThrow(ValueNewerError);
    expect((await client.get('instances/a/state'))?.value).toEqual({ schemaVersion: 1 });
    expect(await outbox(client, decision)).toBeUndefined();
  });

  it.each<[how: string, replacing: (revision: number) => Partial<Decision>]>([
    ['overwritten by one that is made from scratch', () => ({ compares: [], puts: [{ key, value: { schemaVersion: 1 } }] })],
    ['overwritten where the revision alone was compared', (revision) => ({ compares: [{ key, revision }], puts: [{ key, value: { schemaVersion: 1 } }] })],
    ['overwritten where it was read', (revision) => ({ compares: [{ key, revision, schemaVersion: 2 }], puts: [{ key, value: { schemaVersion: 1 } }] })],
    ['deleted where it was read', (revision) => ({ compares: [{ key, revision, schemaVersion: 2 }], puts: [], deletes: [key] })],
  ])('is not %s', async (_how, replacing) => {
    const { client, committer } = open();
    const entry = await seed(client);
    const decision = creating('a', replacing(entry.revision));
    await expect(committer.commit(decision)).rejects.toThrow(new ValueNewerError(key, 2, 1));
    expect(await client.get(key)).toEqual(entry);
    expect(await outbox(client, decision)).toBeUndefined();
  });

  it('that appears between the look and the commit is not overwritten', async () => {
    const { client, committer } = open();
    await committer.commit({ id: 'seed', compares: [], puts: [{ key, value: { schemaVersion: 1 } }], deletes: [], events: [] });
    const slow = openClient({ prefix: client.prefix });
    const txn = slow.txn.bind(slow);
    // What follows the first call, the look, finds a newer program to have been there.
    slow.txn = async (request) => txn(request).finally(() => seed(client).finally(() => (slow.txn = txn)));
    const decision = creating('a', { compares: [], puts: [{ key, value: { schemaVersion: 1, mine: true } }] });
    await expect(new Committer(slow, () => 7).commit(decision)).rejects.toThrow(ValueNewerError);
    expect((await client.get(key))?.value).toEqual(newer);
  });

  it('goes with the object that it belonged to, where nobody read it', async () => {
    const { client, committer } = open();
    await seed(client);
    expect(await committer.commit(creating('b', { deletes: [key] }))).toMatchObject({ kind: 'done' });
    expect(await client.get(key)).toBeUndefined();
  });

  it('holds nobody up but those who would overwrite it', async () => {
    const { client, committer } = open();
    await seed(client);
    const guilty = creating('a', { compares: [], shared: counting('w') });
    const others = ['b', 'c', 'd'].map((id) => creating(id, { shared: counting('w') }));
    const outcomes = await Promise.allSettled([others[0]!, guilty, others[1]!, others[2]!].map((decision) => committer.commit(decision)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect((await client.get('workers/w/capacity'))?.value).toMatchObject({ count: 3 });
    expect((await client.get(key))?.value).toEqual(newer);
  });

  it('is not overwritten by a shared change that makes its value from scratch', async () => {
    const { client, committer } = open();
    await client.raw.kv.put({ key: client.key('workers/w/capacity'), value: Buffer.from(JSON.stringify(newer)) });
    await expect(committer.commit(creating('a', { shared: counting('w') }))).rejects.toThrow(ValueNewerError);
    expect((await client.get('workers/w/capacity'))?.value).toEqual(newer);
    expect(await client.get('instances/a/state')).toBeUndefined();
  });
});
