import { positionIn } from '../../src/domain/epochs';
import type { CloudEvent } from '../../src/domain/events';
import { applyEvent } from '../../src/domain/object-state';
import type { ObjectState } from '../../src/domain/object-state';
import { openEpoch } from '../../src/stores/etcd/epoch';
import { FreshObjects } from '../../src/stores/etcd/objects';
import { highestEpochOnRecord } from '../../src/stores/mongo/lost-history';
import { chance } from '../support/chance';
import { closeClients } from '../support/etcd';
import { ledgerFindings } from '../support/ledger-findings';
import { makeWorker, RandomWriter } from '../support/random-writer';
import { restoreStores, Stores, temporaryDirectory } from '../support/recovery';

const seed = Math.floor(Math.random() * 2 ** 31);
const workerIds = ['w-1', 'w-2'];
const copies = temporaryDirectory();
const opened: Stores[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((stores) => stores.close()));
  closeClients();
});
afterAll(copies.remove);

/** Stores with two workers. */
async function freshStores(): Promise<Stores> {
  const stores = await Stores.open();
  opened.push(stores);
  for (const id of workerIds) await makeWorker(stores.client, id);
  return stores;
}

async function restored(...args: Parameters<typeof restoreStores>): ReturnType<typeof restoreStores> {
  const stores = await restoreStores(...args);
  opened.push(stores);
  return stores;
}

function writerOf({ client }: Stores, name: string, epoch = 1): RandomWriter {
  return new RandomWriter({ client, name, random: chance(seed), workerIds, epoch });
}

/** The record as it counts: of every object gapless, and folding to what etcd holds. Answers how many events it has. */
async function requireWholeHistory(stores: Stores): Promise<number> {
  const epochs = await openEpoch(stores.client);
  const { instances, workers } = await new FreshObjects(stores.client).everything();
  let events = 0;
  for (const { id, spec, status, allocation } of [...instances, ...workers.map((worker) => ({ ...worker, allocation: undefined }))]) {
    const history = await stores.events.ofSubject(id, { limit: 10_000 });
    expect(history.map(({ sequence }) => sequence)).toEqual(history.map((_, index) => index + 1));
    expect(history.map(({ id: eventId }) => positionIn(epochs, eventId)).filter((position) => position === 'lost' || position === 'unknown')).toEqual([]);
    const state = history.reduce<ObjectState | undefined>((before, event: CloudEvent) => applyEvent(before, event), undefined)!;
    const { agentTokenHash: _secret, ...shown } = status.value as { agentTokenHash?: string };
    expect(state).toMatchObject({ spec: spec.value, status: shown });
    expect(state.allocation).toEqual(allocation?.value);
    const last = await stores.snapshots.get(id, history.length);
    expect(last?.state).toEqual(state);
    events += history.length;
  }
  return events;
}

describe('a copy of both stores, restored into empty ones', () => {
  it(`holds every key and every document as it was (seed ${seed})`, async () => {
    const stores = await freshStores();
    await writerOf(stores, 'one').write(60);
    await stores.project();
    await writerOf(stores, 'two').write(20);
    const [body, rare] = [{ _id: 'x'.repeat(64), body: '{"a.b":"$c"}' }, { _id: 'rare', at: new Date(0), whole: 1, half: 0.5, large: 2 ** 40, list: [1, 'one'], nothing: null }];
    await stores.mongo.collection<{ _id: string }>('lablet_definitions').insertOne(body);
    await stores.mongo.collection<{ _id: string }>('rare').insertOne(rare);
    const before = { keys: await stores.keys(), documents: await stores.documents() };
    const indexes = await stores.mongo.collection('audit_events').listIndexes().toArray();

    const manifest = await stores.backUp(copies.path('whole'));
    const again = await restored(copies.path('whole'));
    expect(await again.keys()).toEqual(before.keys);
    expect(await again.documents()).toEqual(before.documents);
    expect(await again.mongo.collection('audit_events').listIndexes().toArray()).toEqual(indexes);

    const { revision } = manifest.etcd;
    expect(again.restoration.lost).toEqual({ lost_events: 0, lost_snapshots: 0, lost_retired_objects: 0 });
    expect(await openEpoch(again.client)).toEqual({ epoch: 2, firstRevision: expect.any(String), history: [{ epoch: 1, lastGoodRevision: revision }] });
    expect(await again.client.revision()).toBeGreaterThan(Number(revision) + 1_000_000_000);
    await again.project();
    await requireWholeHistory(again);

    // All is lost once more, with everything that knew of epoch 2 but the copy itself.
    const { restoration } = await restored(copies.path('whole'));
    expect(restoration.epochs).toMatchObject({ epoch: 3, history: [{ epoch: 1, lastGoodRevision: revision }] });
  }, 120_000);

  it(`that was made under load is of one moment, and life goes on in a new epoch (seed ${seed})`, async () => {
    const stores = await freshStores();
    const stop = new AbortController();
    const writers = ['one', 'two', 'three'].map((name) => writerOf(stores, name));
    await Promise.all(writers.map((writer) => writer.write(40)));
    const load = Promise.all([...writers.map(untilStopped((writer) => writer.write(5))), untilStopped(() => stores.project())(undefined)]);
    function untilStopped<T>(run: (of: T) => Promise<void>) {
      return async (of: T) => {
        while (!stop.signal.aborted) await run(of);
      };
    }
    const manifest = await stores.backUp(copies.path('under-load')).finally(() => stop.abort());
    await load;
    await stores.project();

    const again = await restored(copies.path('under-load'));
    expect(await again.client.list('')).not.toEqual(await stores.client.list(''));
    expect(await ledgerFindings(again.client)).toEqual([]);
    await again.project();
    const kept = await requireWholeHistory(again);

    const former = new Set((await stores.documents())['audit_events']!.map(idOf));
    await writerOf(again, 'four', 2).write(60);
    await again.project();
    expect(await requireWholeHistory(again)).toBeGreaterThan(kept);
    expect(again.problems).toEqual([]);
    const { audit_events: events = [], lost_events: lost = [] } = await again.documents();
    const fresh = events.map(idOf).filter((id) => !former.has(id));
    expect(fresh.length).toBeGreaterThanOrEqual(60);
    expect(fresh.filter((id) => !id.startsWith('0002-'))).toEqual([]);
    expect(lost.map(idOf).filter((id) => id <= `0001-${manifest.etcd.revision.padStart(19, '0')}-9999`)).toEqual([]);
    expect(await ledgerFindings(again.client)).toEqual([]);
  }, 240_000);
});

describe('etcd alone restored, beside a MongoDB that is ahead', () => {
  it(`sets apart what the copy does not know, and records new events in its place (seed ${seed})`, async () => {
    const stores = await freshStores();
    const writer = writerOf(stores, 'one');
    await writer.write(40);
    await stores.project();
    await stores.mongo.collection<{ _id: string }>('workloads').insertOne({ _id: 'needed by the copy' });
    const manifest = await stores.backUp(copies.path('behind'));
    const atCopy = (await stores.documents())['audit_events']!;
    await writer.write(40);
    await stores.project();
    await stores.mongo.collection<{ _id: string }>('workloads').deleteMany({});
    const retired = (at: string) => ({ _id: `retired at ${at}`, epoch: 1, revision: at });
    await stores.mongo.collection<{ _id: string }>('retired_objects').insertMany([retired('1'), retired(String(await stores.client.revision()))]);
    const ahead = await stores.documents();
    const lost = ahead['audit_events']!.filter((line) => !atCopy.includes(line));
    expect(lost.length).toBeGreaterThanOrEqual(40);

    const again = await restored(copies.path('behind'), { database: stores.database, keepMongodb: true });
    const documents = await again.documents();
    expect(documents['audit_events']).toEqual(atCopy);
    expect(documents['lost_events']).toEqual(lost);
    expect(documents['lost_snapshots']).toHaveLength(lost.length);
    expect(documents['workloads']).toHaveLength(1);
    expect(documents['retired_objects']!.map(idOf)).toEqual(['retired at 1']);
    expect(again.restoration.lost).toEqual({ lost_events: lost.length, lost_snapshots: lost.length, lost_retired_objects: 1 });
    expect(again.restoration.epochs.history).toEqual([{ epoch: 1, lastGoodRevision: manifest.etcd.revision }]);

    // The very same decisions once more: of the same objects, with the same numbers.
    await writerOf(again, 'one', 2).write(40);
    await again.project();
    expect(again.problems).toEqual([]);
    await requireWholeHistory(again);
    expect((await again.documents())['lost_events']).toEqual(lost);

    // And etcd is lost once more: the same copy opens an epoch that nothing was ever of.
    const third = await restored(copies.path('behind'), { database: stores.database, keepMongodb: true });
    expect(third.restoration.epochs.epoch).toBe(3);
    expect(Number(third.restoration.epochs.firstRevision)).toBeGreaterThan(Number(again.restoration.epochs.firstRevision));
    expect((await third.documents())['audit_events']).toEqual(atCopy);
    expect(await highestEpochOnRecord(third.mongo)).toBe(2);
    await writerOf(third, 'one', 3).write(40);
    await third.project();
    await requireWholeHistory(third);
    expect(third.problems).toEqual([]);
  }, 240_000);
});

function idOf(line: string): string {
  return (JSON.parse(line) as { _id: string })._id;
}
