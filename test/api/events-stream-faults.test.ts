import { credentialsFor } from '../support/credentials';
import { connect } from 'node:net';
import pino from 'pino';
import type { ApiDependencies, EventBounds } from '../../src/api/dependencies';
import { BerthClient } from '../../src/client/berth-client';
import type { CloudEvent } from '../../src/domain/events';
import { drainOutbox } from '../../src/leaders/projector';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { Committer } from '../../src/stores/etcd/committer';
import { keys } from '../../src/stores/etcd/keys';
import { MongoUnavailableError } from '../../src/stores/mongo/errors';
import { AuditEvents } from '../../src/stores/mongo/audit-events';
import { closeClients, creating, event, eventually, openClient, OwnEtcd } from '../support/etcd';
import { TcpProxy } from '../support/tcp-proxy';
import type { ProblemBody } from './support/client';
import type { EventPoll } from './support/event-consumer';
import { EventConsumer } from './support/event-consumer';
import type { World } from './support/test-api';
import { freshWorld, TestApi } from './support/test-api';

const apis: TestApi[] = [];
const consumers: EventConsumer[] = [];
afterEach(async () => {
  for (const consumer of consumers.splice(0)) consumer.close();
  for (const api of apis.splice(0)) await api.stop();
  closeClients();
});

/** What the api logs, as a text. */
let logged = '';

async function start(world: World, eventBounds: Partial<EventBounds> = {}, change: (given: ApiDependencies) => Partial<ApiDependencies> = () => ({})): Promise<TestApi> {
  logged = '';
  const log = pino({ level: 'warn' }, { write: (line: string) => void (logged += line) });
  const api = await TestApi.start(world, (given) => ({ ...given, log, eventBounds, ...change(given) }));
  apis.push(api);
  return api;
}

async function open(api: TestApi, query = '', headers: Record<string, string> = {}): Promise<EventConsumer> {
  const consumer = await EventConsumer.open(api.url, query, headers);
  consumers.push(consumer);
  return consumer;
}

let written = 0;

/** So many commits of one event each. Answers the revision of the last. */
async function commit(committer: Committer, subject: string, count = 1, data: Record<string, unknown> = {}): Promise<number> {
  let revision = 0;
  for (let n = 0; n < count; n++) {
    const outcome = await committer.commit(creating(`${subject}-${++written}`, { events: [event(subject, { n, ...data })] }));
    if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
    revision = outcome.revision;
  }
  return revision;
}

/** Moves everything from the outbox into the record as the projector does, the events of a batch in an order of their own. */
async function project({ dependencies: { cache, committer }, mongo }: TestApi, etcd: EtcdClient): Promise<void> {
  await cache.waitForRevision(await etcd.revision(), 5_000);
  const record = new AuditEvents(mongo);
  const insert = async (events: Parameters<AuditEvents['insert']>[0]) => {
    for (const one of [...events].sort(() => Math.random() - 0.5)) await record.insert([one]);
  };
  const fence = { key: keys.leader('controller'), revision: 0 };
  await drainOutbox({ cache, committer, record: { insert }, onProblem: () => undefined }, { fence, signal: new AbortController().signal });
}

/** Everything that a client hears from a place on, until there is so much of it. */
async function heard(api: TestApi, by: 'stream' | 'poll', count: number): Promise<CloudEvent[]> {
  const events: CloudEvent[] = [];
  const patience = AbortSignal.timeout(25_000);
  for await (const one of new BerthClient({ url: api.url, headers: credentialsFor(api.url) }).events({}, { by, from: { cursor: '0' }, signal: patience })) {
    events.push(one);
    if (events.length >= count) break;
  }
  return events;
}

function expectInOrder(events: readonly CloudEvent[], perSubject: number, subjects: readonly string[]): void {
  const ids = events.map(({ id }) => id);
  expect([...new Set(ids)].sort()).toEqual(ids);
  for (const subject of subjects) {
    const own = events.filter((one) => one.subject === subject);
    expect(own.map(({ data }) => data['n'])).toEqual(Array.from({ length: perSubject }, (_, n) => n));
  }
}

test('with next to no memory, and events that move into the record in any order meanwhile, nothing is missed and nothing comes twice', async () => {
  const api = await start(freshWorld(), { eventsMax: 15, filledMax: 5, recordPageMax: 7, batchBytesMax: 1_000 });
  const { etcd, committer } = api.dependencies;
  const subjects = ['a', 'b', 'c'];
  let writing = true;
  const writers = Promise.all(subjects.map((subject) => commit(committer, subject, 80))).finally(() => (writing = false));
  const projector = (async () => {
    while (writing) await project(api, etcd);
  })();
  const [streamed, polled] = await Promise.all([heard(api, 'stream', 240), heard(api, 'poll', 240)]);
  await Promise.all([writers, projector]);
  expectInOrder(streamed, 80, subjects);
  expect(polled.map(({ id }) => id)).toEqual(streamed.map(({ id }) => id));
  // And once more, when all of it has left the outbox.
  await project(api, etcd);
  expect((await heard(api, 'poll', 240)).map(({ id }) => id)).toEqual(streamed.map(({ id }) => id));
});

test('a server that starts remembers the end of the record, and serves it when MongoDB has gone', async () => {
  const world = freshWorld();
  const first = await start(world);
  await commit(first.dependencies.committer, 'old', 30);
  await project(first, first.dependencies.etcd);
  await commit(first.dependencies.committer, 'new', 5);
  const all = (await first.client.get<EventPoll>('/api/v1/events?cursor=0&limit=1000')).body.items;
  expect(all.length).toBeGreaterThanOrEqual(35);

  let filled = false;
  const second = await start(world, { filledMax: 20 }, ({ auditEvents }) => {
    const newest = (limit: number) => auditEvents.newest(limit).finally(() => setImmediate(() => (filled = true)));
    const after = () => Promise.reject(new MongoUnavailableError('read', new Error('down')));
    return { auditEvents: { newest, after, ofSubject: after, has: after, scan: auditEvents.scan.bind(auditEvents) } };
  });
  await eventually('the memory is filled', () => filled);
  const recent = await second.client.get<EventPoll>(`/api/v1/events?cursor=${all.at(-20)!.id}`);
  expect(recent.body.items.map(({ id }) => id)).toEqual(all.slice(-19).map(({ id }) => id));
  const older = await second.client.get<ProblemBody>('/api/v1/events?cursor=0');
  expect(older).toMatchObject({ status: 503, body: { code: 'dependency_unavailable', dependency: 'mongodb', retryable: true } });
  const stream = await open(second, '?cursor=0');
  await stream.until('the end', ({ closed }) => closed);
  expect(stream).toMatchObject({ events: [], end: { code: 'dependency_unavailable', cursor: '0' } });
  const live = await open(second);
  await commit(first.dependencies.committer, 'live');
  await live.until('what is new', ({ events }) => events.length === 1);
});

test('a server that starts while MongoDB is down tells what waits in the outbox', async () => {
  const world = freshWorld();
  const { committer } = (await start(world)).dependencies;
  await commit(committer, 'waiting', 6);
  const down = () => Promise.reject(new MongoUnavailableError('read', new Error('down')));
  const second = await start(world, {}, ({ auditEvents }) => ({ auditEvents: { newest: down, after: down, ofSubject: down, has: down, scan: auditEvents.scan.bind(auditEvents) } }));
  const after = (revision: number) => second.client.get<EventPoll>(`/api/v1/events?revision=${revision}`);
  const revisions = (await second.dependencies.etcd.list(keys.outboxPrefix)).entries.map(({ revision }) => revision);
  expect((await after(revisions[0]!)).body.items.map(({ data }) => data['n'])).toEqual([1, 2, 3, 4, 5]);
  // What was trimmed before the first of them is not known here.
  expect((await after(revisions[0]! - 1)).status).toBe(503);
});

test('an event that the record has lost is no place to go on from', async () => {
  const world = freshWorld();
  const first = await start(world);
  await commit(first.dependencies.committer, 'kept', 3);
  const { items } = (await first.client.get<EventPoll>('/api/v1/events?cursor=0')).body;
  await project(first, first.dependencies.etcd);
  const second = await start({ ...world, database: `${world.database}_other` }, { filledMax: 1 });
  await commit(second.dependencies.committer, 'later', 1);
  const lost = await second.client.get<ProblemBody>(`/api/v1/events?cursor=${items[1]!.id}`);
  expect(lost).toMatchObject({ status: 410, body: { code: 'cursor_gone' } });
});

describe('a reader who does not read', () => {
  /** Asks for the stream and takes nothing of it. */
  function openDeaf(api: TestApi) {
    const { hostname, port } = new URL(api.url);
    const socket = connect({ host: hostname, port: Number(port) }).pause();
    socket.write(`GET /api/v1/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${api.token}\r\nAccept: text/event-stream\r\n\r\n`);
    socket.on('error', () => undefined);
    return socket;
  }

  const padding = { padding: 'x'.repeat(200_000) };

  test.each([
    ['for too long', { drainMsMax: 300 }],
    ['while its place leaves the memory', { drainMsMax: 20_000, eventsMax: 10 }],
  ])('%s is cut, and keeps nobody else back', async (_how, bounds) => {
    const api = await start(freshWorld(), bounds);
    const deaf = openDeaf(api);
    const stream = await open(api);
    const { committer } = api.dependencies;
    // Far more than the buffers of two sockets hold.
    for (let n = 1; n <= 100 && !logged.includes('slow_consumer'); n++) {
      await commit(committer, 'large', 1, padding);
      await stream.until('each event', ({ events }) => events.length === n);
    }
    let text = '';
    deaf.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    deaf.resume();
    await eventually('the deaf one is cut', () => logged.includes('slow_consumer') && deaf.destroyed);
    expect(stream.end).toBeUndefined();
    await commit(committer, 'after');
    await stream.until('what comes after', ({ subjects }) => subjects.includes('after'));
    expect(text).toContain('"subject":"large"');
  });
});

describe('on an etcd that fails', () => {
  let etcd: OwnEtcd;
  let proxy: TcpProxy;
  beforeAll(async () => {
    etcd = await OwnEtcd.start();
    proxy = await TcpProxy.to(etcd.url);
  });
  afterAll(async () => {
    await proxy.close();
    await etcd.remove();
  });

  test('what was compacted before the server saw it is told all the same, from outbox and record, to streams that go on', async () => {
    const api = await start(freshWorld({ etcdEndpoint: proxy.url }));
    const direct = openClient({ prefix: api.dependencies.etcd.prefix, url: etcd.url });
    const committer = new Committer(direct, () => 1);
    const other = await start({ prefix: direct.prefix, database: (await databaseOf(api)), etcdEndpoint: etcd.url });
    const stream = await open(api);
    await commit(committer, 'before', 3);
    await stream.until('three events', ({ events }) => events.length === 3);
    proxy.cut();
    await commit(committer, 'unseen', 20);
    await project(other, direct);
    const revision = await commit(committer, 'waiting', 3);
    await direct.raw.kv.compact({ revision: String(revision), physical: true });
    proxy.pass();
    await stream.until('all events', ({ events }) => events.length >= 26, 20_000);
    expect(stream.subjects).toEqual([...Array<string>(3).fill('before'), ...Array<string>(20).fill('unseen'), ...Array<string>(3).fill('waiting')]);
    expect(stream.end).toBeUndefined();
    expect(logged).toContain('everything was listed anew');
  });

  test('streams go on through a restart of etcd', async () => {
    const api = await start(freshWorld({ etcdEndpoint: etcd.url }));
    const stream = await open(api);
    await commit(api.dependencies.committer, 'before');
    await etcd.kill();
    await etcd.startAgain();
    const direct = openClient({ prefix: api.dependencies.etcd.prefix, url: etcd.url });
    await eventually('etcd is there', () => direct.revision().then(() => true, () => false));
    await commit(new Committer(direct, () => 1), 'after', 2);
    await stream.until('all three', ({ events }) => events.length === 3, 20_000);
    expect(stream.subjects).toEqual(['before', 'after', 'after']);
  });

  async function databaseOf({ mongo }: TestApi): Promise<string> {
    return mongo.collection('any').dbName;
  }
});

test('what a newer program wrote is not passed over: readers stop before it and are sent elsewhere', async () => {
  const api = await start(freshWorld());
  const { etcd, committer } = api.dependencies;
  const stream = await open(api);
  await commit(committer, 'known');
  await stream.until('the known event', ({ events }) => events.length === 1);
  await etcd.raw.kv.put({ key: etcd.key(keys.outbox('newer')), value: Buffer.from(JSON.stringify({ schemaVersion: 99, epoch: 1, firstIndex: 0, events: [] })) });
  await commit(committer, 'beyond');
  await stream.until('the end', ({ closed }) => closed);
  expect(stream).toMatchObject({ subjects: ['known'], end: { code: 'newer_version' } });
  const page = await api.client.get<EventPoll>(`/api/v1/events?cursor=0&minRevision=${await etcd.revision()}`);
  expect(page.body.items.map(({ subject }) => subject)).toEqual(['known']);
  expect(await api.client.get(`/api/v1/events?cursor=${page.body.nextCursor}`)).toMatchObject({ status: 503, body: { code: 'newer_version', retryable: true } });
});

test('when a new epoch begins streams end, and only what outlived the old one is a place to go on from', async () => {
  const api = await start(freshWorld());
  const { etcd, committer } = api.dependencies;
  const stream = await open(api);
  await commit(committer, 'outlives', 2);
  await stream.until('both', ({ events }) => events.length === 2);
  const kept = stream.events[1]!;
  const lost = (await api.client.get<EventPoll>(`/api/v1/events?minRevision=${await commit(committer, 'lost')}`)).body;
  // As a restore does; it also takes what is lost out of outbox and record.
  await etcd.raw.delete().key(etcd.prefix + (await etcd.list(keys.outboxPrefix)).entries.at(-1)!.key);
  const firstRevision = String((await etcd.revision()) + 1);
  const epochs = { schemaVersion: 1, epoch: 2, firstRevision, history: [{ epoch: 1, lastGoodRevision: kept.revision }] };
  await etcd.raw.kv.put({ key: etcd.key(keys.epoch), value: Buffer.from(JSON.stringify(epochs)) });
  await stream.until('the end', ({ closed }) => closed);
  expect(stream.end).toMatchObject({ code: 'epoch_ended' });

  const again = await start({ prefix: etcd.prefix, database: api.mongo.collection('any').dbName });
  await commit(again.dependencies.committer, 'next');
  const after = async (place: string) => again.client.get<EventPoll & ProblemBody>(`/api/v1/events?${place}&minRevision=${await etcd.revision()}`);
  const subjects = async (place: string) => (await after(place)).body.items.map(({ subject }) => subject);
  expect(await subjects('cursor=0')).toEqual(['outlives', 'outlives', 'next']);
  expect(await subjects(`cursor=${stream.events[0]!.id}`)).toEqual(['outlives', 'next']);
  expect(await subjects(`revision=${kept.revision}`)).toEqual(['next']);
  expect(await subjects(`revision=${firstRevision}`)).toEqual(['next']);
  for (const gone of [`cursor=${lost.nextCursor}`, `revision=${lost.revision}`, `cursor=${kept.id.replace(/-0000$/, '-0003')}`]) {
    expect(await after(gone)).toMatchObject({ status: 410, body: { code: 'cursor_gone' } });
  }
});
