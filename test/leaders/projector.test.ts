import type { RecordedEvent } from '../../src/domain/events';
import { projectorBatchBytesMax } from '../../src/domain/limits';
import { drainOutbox } from '../../src/leaders/projector';
import { Committer } from '../../src/stores/etcd/committer';
import { ValueNewerError } from '../../src/stores/etcd/errors';
import { keys } from '../../src/stores/etcd/keys';
import { WatchCache } from '../../src/stores/etcd/watch-cache';
import { closeClients, creating, event, openClient } from '../support/etcd';

afterAll(closeClients);

test('what a newer program put into the outbox stays there, and what came before it is recorded', async () => {
  const client = openClient();
  const committer = new Committer(client, () => 1);
  for (const id of ['i-1', 'i-2', 'i-3']) await committer.commit(creating(id));
  const newer = keys.outbox('instances/i-2/0/create');
  const { value } = (await client.get(newer))!;
  await client.raw.kv.put({ key: client.key(newer), value: Buffer.from(JSON.stringify({ ...(value as object), schemaVersion: 2 })) });

  const recorded: RecordedEvent[] = [];
  const insert = async (events: readonly RecordedEvent[]) => void recorded.push(...events);
  const fence = { key: keys.leader('controller'), revision: 0 };
  const cache = new WatchCache(client, () => undefined);
  await cache.start();
  const dependencies = { committer, cache, record: { insert }, onProblem: () => undefined };
  await drainOutbox(dependencies, { fence, signal: new AbortController().signal });

  // The newer entry was put last, so the two others come before it.
  expect(recorded.map(({ subject }) => subject)).toEqual(['i-1', 'i-3']);
  expect((await client.list(keys.outboxPrefix)).entries.map(({ key }) => key)).toEqual([newer]);
  await expect(drainOutbox(dependencies, { fence, signal: new AbortController().signal })).rejects.toThrow(ValueNewerError);
  cache.stop();
});

test('large events are recorded in batches that an insert can take, and all of them are', async () => {
  const client = openClient();
  const committer = new Committer(client, () => 1);
  const padding = 'x'.repeat(900_000);
  const ids = Array.from({ length: 7 }, (_, n) => `i-${n}`);
  for (const id of ids) await committer.commit(creating(id, { events: [event(id, { padding })] }));
  const cache = new WatchCache(client, () => undefined);
  await cache.start();
  const batches: string[][] = [];
  const insert = async (events: readonly RecordedEvent[]) => void batches.push(events.map(({ subject }) => subject));
  const fence = { key: keys.leader('controller'), revision: 0 };
  await drainOutbox({ committer, cache, record: { insert }, onProblem: () => undefined }, { fence, signal: new AbortController().signal });
  cache.stop();

  expect(batches.flat()).toEqual(ids);
  expect(Math.max(...batches.map((batch) => batch.length))).toBe(Math.floor(projectorBatchBytesMax / 900_500));
  expect((await client.list(keys.outboxPrefix)).entries).toEqual([]);
});
