import { credentialsFor } from '../support/credentials';
import type { CloudEvent } from '../../src/domain/events';
import { creating, event } from '../support/etcd';
import type { ProblemBody } from './support/client';
import type { EventPoll } from './support/event-consumer';
import { EventConsumer } from './support/event-consumer';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

const consumers: EventConsumer[] = [];
afterEach(() => consumers.splice(0).forEach((consumer) => consumer.close()));

async function open(query = '', headers: Record<string, string> = {}, on = api): Promise<EventConsumer> {
  const consumer = await EventConsumer.open(on.url, query, headers);
  consumers.push(consumer);
  return consumer;
}

async function poll(query: string): Promise<EventPoll> {
  const reply = await api.client.get<EventPoll>(`/api/v1/events${query}`);
  if (reply.status !== 200) throw new Error(JSON.stringify(reply.body));
  return reply.body;
}

/** Everything from a cursor on, page by page. */
async function pollAll(cursor: string, filter = '', limit = 7): Promise<CloudEvent[]> {
  const minRevision = await api.dependencies.etcd.revision();
  const found: CloudEvent[] = [];
  for (let page = await poll(`?cursor=${cursor}&limit=${limit}&minRevision=${minRevision}${filter}`); ; page = await poll(`?cursor=${page.nextCursor}&limit=${limit}${filter}`)) {
    found.push(...page.items);
    if (!page.more) return found;
  }
}

let written = 0;

/** A commit of so many events. Answers its revision. */
async function commit(count = 1, subject?: string): Promise<number> {
  const id = subject ?? `x-${++written}`;
  const decision = creating(`${id}-${++written}`, { events: Array.from({ length: count }, (_, index) => event(id, { index })) });
  const outcome = await api.dependencies.committer.commit(decision);
  if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome));
  return outcome.revision;
}

function ids(events: readonly CloudEvent[]): string[] {
  return events.map(({ id }) => id);
}

test('stream and poll tell everything that three writers did at once, in one order, each event once', async () => {
  const stream = await open();
  const begin = stream.lastId;
  const writer = async (name: string) => {
    for (let n = 0; n < 60; n++) await commit(1 + (n % 3), name);
  };
  await Promise.all(['a', 'b', 'c'].map(writer));
  await stream.until('all events', ({ events }) => events.length >= 360);
  const polled = await pollAll(begin);
  expect(ids(polled)).toEqual(ids(stream.events));
  expect(polled).toEqual(stream.events);
  expect(new Set(ids(polled)).size).toBe(360);
  expect([...ids(polled)].sort()).toEqual(ids(polled));
});

test('frames carry the id of their event, and a poll’s cursor may be one of them', async () => {
  const stream = await open();
  await commit(5, 'five');
  await stream.until('five events', ({ events }) => events.length === 5);
  expect(stream.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(stream.ids.slice(-5)).toEqual(ids(stream.events));
  const { items } = await poll(`?cursor=${stream.events[1]!.id}`);
  expect(ids(items)).toEqual(ids(stream.events).slice(2));
  expect(items[0]).toMatchObject({ specversion: '1.0', subject: 'five', data: { index: 2 } });
});

test('a stream goes on where Last-Event-ID says, even within a commit, whatever its address says', async () => {
  const stream = await open();
  await commit(4, 'first');
  await commit(4, 'second');
  await stream.until('eight events', ({ events }) => events.length === 8);
  const resumed = await open('?cursor=0', { 'last-event-id': stream.events[2]!.id });
  await resumed.until('the rest', ({ events }) => events.length === 5);
  expect(ids(resumed.events)).toEqual(ids(stream.events).slice(3));
});

test('what is listed at a revision and what is streamed after it is everything', async () => {
  await objects.instance();
  const list = await api.client.get<{ items: ReadonlyArray<{ id: string }>; revision: string }>(`${instances}?minRevision=${await api.dependencies.etcd.revision()}`);
  const { id } = await objects.instance();
  expect(list.body.items.map((instance) => instance.id)).not.toContain(id);
  const stream = await open(`?revision=${list.body.revision}&kind=Instance`);
  await stream.until('its creation', ({ events }) => events.length > 0);
  expect(stream.events).toMatchObject([{ subject: id, type: 'berth.instance.created', sequence: 1, dataschemaversion: 2, data: { status: { phase: 'PENDING' } } }]);
});

test('without a cursor a reader hears what comes, and is told where it begins', async () => {
  await commit();
  const before = await poll(`?minRevision=${await api.dependencies.etcd.revision()}`);
  expect(before).toMatchObject({ items: [], more: false });
  await commit(1, 'after');
  const { items } = await poll(`?cursor=${before.nextCursor}&minRevision=${await api.dependencies.etcd.revision()}`);
  expect(items.map(({ subject }) => subject)).toEqual(['after']);
});

test('from cursor 0 everything is told', async () => {
  const all = await pollAll('0', '', 1_000);
  expect(all[0]).toMatchObject({ type: 'berth.definition.created' });
  const { entries } = await api.dependencies.etcd.list('outbox/');
  expect(all).toHaveLength(entries.flatMap(({ value }) => (value as { events: unknown[] }).events).length);
});

test('filters let through what they name, and the cursor moves on past the rest', async () => {
  const lifecycle = new Lifecycle(api);
  const { nextCursor } = await poll(`?minRevision=${await api.dependencies.etcd.revision()}`);
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const labelled = await objects.instance({ definition: { name: 'web', version: '1.0.0' }, labels: { 'team.a/b': 'x=y', tier: 'web' } });
  const other = await objects.instance({ definition: { name: 'web', version: '1.0.0' }, labels: { tier: 'web' } });
  await lifecycle.run(labelled.id, worker.id, { http: 2000 });
  const told = async (filter: string) => (await pollAll(nextCursor, filter)).map(({ subject, type }) => `${subject} ${type.replace('berth.', '')}`);
  const life = ['created', 'scheduled', 'instantiating', 'running'].map((type) => `${labelled.id} instance.${type}`);
  expect(await told(`&subject=${other.id}`)).toEqual([`${other.id} instance.created`]);
  expect(await told('&label=team.a/b=x%3Dy&label=tier=web')).toEqual(life);
  expect(await told('&label=tier=web&type=berth.instance.created')).toEqual([life[0], `${other.id} instance.created`]);
  expect(await told('&type=berth.instance.s*&type=berth.instance.running')).toEqual([life[1], life[3]]);
  expect(await told(`&worker=${worker.id}&kind=Instance`)).toEqual(life.slice(1));
  expect((await told(`&worker=${worker.id}`)).length).toBeGreaterThan(life.length);
  expect(await told('&kind=Worker&kind=Definition')).toEqual(expect.arrayContaining([`${worker.id} worker.created`]));
  const nothing = await poll(`?cursor=${nextCursor}&subject=nobody`);
  expect(nothing.items).toEqual([]);
  expect(nothing.nextCursor > nextCursor).toBe(true);
  const stream = await open(`?cursor=${nextCursor}&label=team.a/b=x%3Dy`);
  await stream.until('its life', ({ events }) => events.length === 4);
  expect(stream.events.map(({ type }) => type)).toEqual(life.map((line) => `berth.${line.split(' ')[1]}`));
});

test('a poll waits for an event that is wanted, and no longer than it was told', async () => {
  const { nextCursor } = await poll('');
  const waiting = poll(`?cursor=${nextCursor}&wait=20s&subject=awaited`);
  await commit(1, 'unwanted');
  await commit(1, 'awaited');
  expect((await waiting).items.map(({ subject }) => subject)).toEqual(['awaited']);
  const inVain = await poll('?wait=50ms&subject=nobody');
  expect(inVain).toMatchObject({ items: [], more: false });
});

test.each([
  ['cursor=yesterday', 400, 'invalid_request'],
  ['cursor=0001-0000000000000000001', 400, 'invalid_request'],
  ['cursor=0&revision=1', 400, 'invalid_request'],
  ['limit=0', 400, 'invalid_request'],
  ['limit=1001', 400, 'invalid_request'],
  ['wait=31s', 400, 'invalid_request'],
  ['kind=instance', 400, 'invalid_request'],
  ['type=*x', 400, 'invalid_request'],
  ['label=x', 400, 'invalid_request'],
  ['since=1', 400, 'invalid_request'],
  ['revision=900000000000000', 400, 'revision_unknown'],
  ['cursor=0001-0000900000000000000-0000', 400, 'revision_unknown'],
  ['cursor=0002-0000000000000000001-0000', 400, 'revision_unknown'],
  ['cursor=0001-0000000000000000001-0007', 410, 'cursor_gone'],
  ['cursor=0000-0000000000000000001-9999', 410, 'cursor_gone'],
])('?%s is answered %i %s, as a poll and as a stream', async (query, status, code) => {
  for (const accept of ['application/json', 'text/event-stream']) {
    const reply = await api.client.get<ProblemBody>(`/api/v1/events?${query}`, { accept });
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status, code });
    expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  }
});

test('a Last-Event-ID that is none is refused by its name', async () => {
  const reply = await api.client.get<ProblemBody>('/api/v1/events', { accept: 'text/event-stream', 'last-event-id': 'x' });
  expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: 'Last-Event-ID' }] } });
});

test('who holds a cursor that is gone is told what to list and where to go on', async () => {
  const { body } = await api.client.get<ProblemBody>('/api/v1/events?cursor=0001-0000000000000000001-0007');
  expect(body).toMatchObject({ retryable: false, relist: expect.arrayContaining([`/api/v1/instances?minRevision=${String(body['revision'])}`]) });
  await commit(1, 'news');
  const { items } = await poll(`?${(body['next'] as string).split('?')[1]}&minRevision=${await api.dependencies.etcd.revision()}`);
  expect(items.map(({ subject }) => subject)).toContain('news');
  expect((await api.client.get((body['relist'] as string[])[0]!)).status).toBe(200);
});

describe('with bounds of its own', () => {
  let small: TestApi;
  beforeAll(async () => {
    const eventBounds = { heartbeatIntervalMs: 200, readersMax: 2 };
    small = await TestApi.start({ ...freshWorld(), prefix: api.dependencies.etcd.prefix }, (given) => ({ ...given, eventBounds }));
  });
  afterAll(() => small.stop());

  test('a quiet stream shows that it is alive, and moves its reader on past what is filtered out', async () => {
    const stream = await open('?subject=nobody', {}, small);
    const begin = stream.lastId;
    await stream.until('a heartbeat', ({ comments }) => comments > 0);
    const revision = await commit(1, 'somebody');
    await stream.until('a position', ({ lastId }) => lastId > begin);
    expect(stream.events).toEqual([]);
    await stream.until('the position of the commit', ({ lastId }) => Number(lastId.split('-')[1]) >= revision);
    stream.close();
  });

  test('only so many read at once; one more is told to come back', async () => {
    const [first] = [await open('', {}, small), await open('', {}, small)];
    const refused = await small.client.get<ProblemBody>('/api/v1/events', { accept: 'text/event-stream' });
    expect(refused).toMatchObject({ status: 503, body: { code: 'too_many_readers', retryable: true } });
    expect(await small.client.get('/api/v1/events?wait=1s')).toMatchObject({ status: 503 });
    first.close();
    const again = async (): Promise<EventConsumer> => open('', {}, small).catch(again);
    await again();
  });
});

test('a server that stops says so, and its readers lose nothing', async () => {
  const stopping = await TestApi.start({ ...freshWorld(), prefix: api.dependencies.etcd.prefix });
  const stream = await open('', {}, stopping);
  await commit(1, 'before');
  await stream.until('the event', ({ events }) => events.length === 1);
  await stopping.stop();
  await stream.until('the end', ({ closed }) => closed);
  expect(stream.end).toEqual({ code: 'server_stopping', cursor: expect.any(String) });
  await commit(1, 'meanwhile');
  const resumed = await open('', { 'last-event-id': stream.lastId });
  await resumed.until('what came meanwhile', ({ events }) => events.length > 0);
  expect(resumed.subjects).toEqual(['meanwhile']);
});

test('the head of a stream is answered at once', async () => {
  const head = fetch(`${api.url}/api/v1/events`, { method: 'HEAD', headers: { ...credentialsFor(api.url), accept: 'text/event-stream' }, signal: AbortSignal.timeout(5_000) });
  expect((await head).headers.get('content-type')).toContain('text/event-stream');
});
