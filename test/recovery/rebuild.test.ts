import type { LiveObject } from '../../src/domain/rebuilt-differences';
import { rebuiltDifferences } from '../../src/domain/rebuilt-differences';
import { LogFold } from '../../src/domain/log-fold';
import { openEpoch } from '../../src/stores/etcd/epoch';
import { FreshObjects } from '../../src/stores/etcd/objects';
import { chance } from '../support/chance';
import { closeClients } from '../support/etcd';
import { makeWorker, RandomWriter } from '../support/random-writer';
import { restoreStores, Stores, temporaryDirectory } from '../support/recovery';

const seed = Math.floor(Math.random() * 2 ** 31);
const changes = 5_000;
const writersCount = 3;
const workerIds = ['w-1', 'w-2', 'w-3'];
const copies = temporaryDirectory();
const opened: Stores[] = [];

afterAll(async () => {
  await Promise.all(opened.map((stores) => stores.close()));
  closeClients();
  copies.remove();
});

/** So many changes by several writers at once, who meet at the ledgers of the workers. */
async function write(stores: Stores, name: string, count: number, epoch: number): Promise<void> {
  const writers = Array.from({ length: writersCount }, (_, index) => {
    return new RandomWriter({ client: stores.client, name: `${name}-${index}`, random: chance(seed + index), workerIds, epoch });
  });
  await Promise.all(writers.map((writer) => writer.write(Math.ceil(count / writersCount))));
}

/** Everything that etcd holds, against what the record makes of it. */
async function compare(stores: Stores): Promise<{ compared: number; events: number; differences: readonly unknown[] }> {
  const fold = new LogFold();
  let events = 0;
  for await (const event of stores.events.scan()) {
    fold.add(event);
    events += 1;
  }
  expect(fold.gaps()).toEqual([]);
  const { instances, workers } = await new FreshObjects(stores.client).everything();
  const live: LiveObject[] = [
    ...instances.map(({ id, spec, status, allocation }) => ({ kind: 'Instance' as const, id, spec: spec.value, status: status.value, ...(allocation && { allocation: allocation.value }) })),
    ...workers.map(({ id, spec, status, capacity, ports }) => ({ kind: 'Worker' as const, id, spec: spec.value, status: status.value, ...(capacity && { capacity: capacity.value }), ...(ports && { ports: ports.value }) })),
  ];
  return { compared: live.length, events, differences: rebuiltDifferences(live, fold.states, true) };
}

test(`what is made from the log equals what etcd holds, field by field, after ${changes} random changes, and again after a restore (seed ${seed})`, async () => {
  const stores = await Stores.open();
  opened.push(stores);
  for (const id of workerIds) await makeWorker(stores.client, id);
  await write(stores, 'first', changes, 1);
  await stores.project();
  const before = await compare(stores);
  expect(before.differences).toEqual([]);
  expect(before.events).toBeGreaterThanOrEqual(changes);

  // The copy has what is in the outbox, too.
  await write(stores, 'unrecorded', 100, 1);
  await stores.backUp(copies.path('copy'));
  const restored = await restoreStores(copies.path('copy'));
  opened.push(restored);
  const { epoch } = await openEpoch(restored.client);
  expect(epoch).toBe(2);
  await write(restored, 'later', 300, epoch);
  await restored.project();
  const after = await compare(restored);
  expect(after.differences).toEqual([]);
  expect(after.events).toBeGreaterThanOrEqual(before.events + 400);
  expect([...stores.problems, ...restored.problems]).toEqual([]);
}, 600_000);
