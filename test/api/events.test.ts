import type { EventPage } from '../../src/api/instances/events';
import type { RecordedEvent } from '../../src/domain/events';
import type { OutboxValue } from '../../src/stores/etcd/commit';
import { AuditEvents } from '../../src/stores/mongo/audit-events';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects } from './support/objects';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
let record: AuditEvents;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  record = new AuditEvents(api.mongo);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

/** An instance with seven events: created, placed, begun, running, asked to end, being removed, terminated. */
async function lived(): Promise<string> {
  const lifecycle = new Lifecycle(api);
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const { id } = await objects.instance();
  await lifecycle.run(id, worker.id, { http: 2000 });
  await api.client.delete(`${instances}/${id}`);
  await lifecycle.begin(id, 'remove');
  await lifecycle.complete(id, 'remove');
  return id;
}

async function events(id: string, query = ''): Promise<EventPage> {
  const reply = await api.client.get<EventPage>(`${instances}/${id}/events?minRevision=${await api.dependencies.etcd.revision()}${query}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

/** Does the projector's work: inserts what is in the outbox; deletes it only if asked. */
async function project(id: string, options: { readonly atMost: number; readonly trim: boolean }): Promise<void> {
  const { etcd } = api.dependencies;
  const { entries } = await etcd.list('outbox/');
  const own = entries.filter(({ value }) => (value as OutboxValue).events.some(({ subject }) => subject === id)).slice(0, options.atMost);
  for (const { key, value, revision } of own) {
    const { epoch, firstIndex, events: drafts } = value as OutboxValue;
    await record.insert(drafts.map((draft, position): RecordedEvent => ({ ...draft, epoch, revision: String(revision), index: firstIndex + position })));
    if (options.trim) await etcd.raw.delete().key(etcd.prefix + key);
  }
}

test.each([
  ['only in the outbox', 0, false],
  ['partly in the record', 3, true],
  ['partly in both', 3, false],
  ['wholly in both', 99, false],
  ['only in the record', 99, true],
])('an instance’s events are complete, in order, each once: %s', async (_where, atMost, trim) => {
  const id = await lived();
  await project(id, { atMost, trim });
  const { items, nextAfterSequence } = await events(id);
  expect(items.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(items.map(({ type }) => type.replace('berth.instance.', ''))).toEqual([
    'created',
    'scheduled',
    'instantiating',
    'running',
    'terminate-requested',
    'stopping',
    'terminated',
  ]);
  expect([...items.map((event) => event.id)].sort()).toEqual(items.map((event) => event.id));
  expect(items.every((event) => event.subject === id && event.specversion === '1.0')).toBe(true);
  expect(nextAfterSequence).toBeUndefined();
});

test('what is no instance has none', async () => {
  const { id } = await objects.worker();
  const reply = await api.client.get(`${instances}/${id}/events?minRevision=${await api.dependencies.etcd.revision()}`);
  expect(reply).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
});

test('pages go on after a sequence', async () => {
  const id = await lived();
  await project(id, { atMost: 4, trim: true });
  const seen: number[] = [];
  let after = 0;
  for (let round = 0; round < 10; round++) {
    const page = await events(id, `&limit=2&afterSequence=${after}`);
    seen.push(...page.items.map(({ sequence }) => sequence));
    if (page.nextAfterSequence === undefined) break;
    after = page.nextAfterSequence;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await expect(events(id, '&afterSequence=7')).resolves.toMatchObject({ items: [] });
});
