import { upcast } from '../../src/domain/event-types';
import type { CloudEvent, RecordedEvent } from '../../src/domain/events';
import { toCloudEvent } from '../../src/domain/events';
import { applyEvent } from '../../src/domain/object-state';
import type { ObjectState } from '../../src/domain/object-state';
import { PermanentRecord } from '../../src/leaders/permanent-record';
import { drainOutbox } from '../../src/leaders/projector';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { eventsOf, outboxOf } from '../../src/stores/etcd/outbox';
import { WatchCache } from '../../src/stores/etcd/watch-cache';
import { AuditEvents } from '../../src/stores/mongo/audit-events';
import type { MongoConnection } from '../../src/stores/mongo/connection';
import { connectMongo } from '../../src/stores/mongo/connection';
import { Snapshots } from '../../src/stores/mongo/snapshots';
import { closeClients, openClient } from '../support/etcd';
import { chance } from '../support/chance';
import { makeWorker, RandomWriter } from '../support/random-writer';
import { freshDatabase, testServers } from '../support/servers';

const seed = Math.floor(Math.random() * 2 ** 31);
const problems: string[] = [];
const signal = new AbortController().signal;
let client: EtcdClient;
let cache: WatchCache;
let writer: RandomWriter;
let mongo: MongoConnection;
let events: AuditEvents;
let snapshots: Snapshots;

beforeEach(async () => {
  client = openClient();
  cache = new WatchCache(client, () => undefined);
  await cache.start();
  mongo = connectMongo({ uri: testServers().mongodb, database: freshDatabase(), appName: 'test' });
  events = new AuditEvents(mongo);
  snapshots = new Snapshots(mongo);
  await Promise.all(['w-1', 'w-2'].map((id) => makeWorker(client, id)));
  writer = new RandomWriter({ client, name: 'one', random: chance(seed), workerIds: ['w-1', 'w-2'] });
  problems.length = 0;
});

afterEach(async () => {
  cache.stop();
  closeClients();
  await mongo.close();
});

/** As a leader that has just taken over: it remembers nothing. */
function freshRecord(): PermanentRecord {
  return new PermanentRecord(events, snapshots, (problem) => problems.push(problem));
}

async function drain(record: Pick<PermanentRecord, 'insert'>): Promise<void> {
  await cache.waitForRevision(await client.revision(), 5_000);
  const fence = { key: keys.leader('controller'), revision: 0 };
  await drainOutbox({ cache, committer: writer.committer, record, onProblem: (problem) => problems.push(problem) }, { fence, signal });
  expect((await client.list(keys.outboxPrefix)).entries).toEqual([]);
}

async function waiting(): Promise<RecordedEvent[]> {
  await cache.waitForRevision(await client.revision(), 5_000);
  return outboxOf(cache).flatMap(eventsOf);
}

/** The parts of an object as etcd held them at a revision. */
async function heldAt({ kind, id, revision }: ObjectState): Promise<Record<string, unknown>> {
  const collection = kind === 'Worker' ? 'workers' : 'instances';
  const at = async (part: string) => {
    const { kvs } = await client.raw.kv.range({ key: client.key(`${collection}/${id}/${part}`), revision });
    return kvs[0] && client.entry(kvs[0]).value;
  };
  const [spec, status, allocation] = await Promise.all(['spec', 'state', 'worker'].map(at));
  const { agentTokenHash: _secret, ...shown } = status as { agentTokenHash?: string };
  return { spec, status: shown, ...(allocation !== undefined && { allocation }) };
}

test(`each event has a snapshot of what etcd held at its revision, whoever led meanwhile (seed ${seed})`, async () => {
  const recorded: RecordedEvent[] = [];
  for (let round = 0; round < 4; round++) {
    await writer.write(60);
    recorded.push(...(await waiting()));
    await drain(freshRecord());
  }
  expect(problems).toEqual([]);
  expect(recorded.length).toBeGreaterThanOrEqual(240);
  const kinds = new Set<string>();
  for (const event of recorded) {
    const { state, changeType } = (await snapshots.get(event.subject, event.sequence))!;
    const { spec, status, allocation } = state;
    expect({ spec, status, ...(allocation && { allocation }) }).toEqual(await heldAt(state));
    expect(state).toMatchObject({ revision: event.revision, eventId: toCloudEvent(event).id, kind: event.kind });
    kinds.add(changeType);
  }
  expect([...kinds].sort()).toEqual(['created', 'deleted', 'updated']);
}, 60_000);

test('a snapshot is there before its event, and a batch that ended between the two is simply recorded again', async () => {
  await writer.write(20);
  const [first, ...others] = await waiting();
  const halfDone = new PermanentRecord({ insert: () => Promise.reject(new Error('killed')), ofSubject: events.ofSubject.bind(events) }, snapshots, () => undefined);
  await expect(halfDone.insert([first!, ...others])).rejects.toThrow('killed');
  expect(await snapshots.get(first!.subject, 1)).toBeDefined();
  expect(await events.ofSubject(first!.subject, { limit: 10 })).toEqual([]);

  await drain(freshRecord());
  expect(await events.ofSubject(first!.subject, { limit: 1 })).toEqual([upcast(toCloudEvent(first!))]);
  expect(problems).toEqual([]);
}, 60_000);

test('where snapshots are not kept any more, the next one is made of all events of the object', async () => {
  await writer.write(40);
  await drain(freshRecord());
  await mongo.collection('state_snapshots').deleteMany({});
  await writer.write(40);
  const later = await waiting();
  await drain(freshRecord());
  expect(problems).toEqual([]);
  for (const event of later) {
    const state = await fold(event);
    expect((await snapshots.get(event.subject, event.sequence))?.state).toEqual(state);
  }
}, 60_000);

async function fold(upTo: RecordedEvent): Promise<ObjectState | undefined> {
  const all = await events.ofSubject(upTo.subject, { limit: 10_000 });
  return all.filter(({ sequence }) => sequence <= upTo.sequence).reduce<ObjectState | undefined>((state, event: CloudEvent) => applyEvent(state, event), undefined);
}

test('events whose beginning is lost are recorded without snapshots, and that is told', async () => {
  await writer.write(1);
  const [created] = (await waiting()).filter(({ kind }) => kind === 'Instance');
  const orphan: RecordedEvent = { ...created!, subject: 'i-orphan', sequence: 7, revision: String(Number(created!.revision) + 1), type: 'berth.instance.updated', data: {} };
  await freshRecord().insert([orphan]);
  expect(await events.ofSubject('i-orphan', { limit: 10 })).toHaveLength(1);
  expect(await snapshots.get('i-orphan', 7)).toBeUndefined();
  expect(problems).toEqual(['the record lacks events of i-orphan, so that it gets no snapshots']);
}, 60_000);
