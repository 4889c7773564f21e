import type { InstanceDocument } from '../../src/api/instances/schemas';
import { idempotencyRecordTtlMs } from '../../src/domain/limits';
import type { Decision } from '../../src/stores/etcd/commit';
import type { Committer } from '../../src/stores/etcd/committer';
import type { IdempotencyRecord } from '../../src/stores/etcd/decisions';
import { keys } from '../../src/stores/etcd/keys';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, templates, webDocument, workers } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

let one: TestApi;
let two: TestApi;
let objects: Objects;
beforeAll(async () => {
  const world = freshWorld();
  [one, two] = await Promise.all([TestApi.start(world), TestApi.start(world)]);
  objects = new Objects(one);
  const { revision } = await objects.definition();
  await two.dependencies.cache.waitForRevision(Number(revision), 5_000);
});
afterAll(() => Promise.all([one.stop(), two.stop()]));

const web = { definition: { name: 'web', version: '1.0.0' } };

async function countOf(collection: string): Promise<number> {
  const { entries } = await one.dependencies.etcd.list(`${collection}/`);
  return entries.filter(({ key }) => key.endsWith('/spec')).length;
}

test('twenty of the same at once, through two servers, make one instance', async () => {
  const before = await countOf('instances');
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? one : two).client.post<InstanceDocument>(instances, web, { 'idempotency-key': 'twenty' }),
    ),
  );
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
  expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
  expect(new Set(replies.map(({ headers }) => headers.get('berth-revision'))).size).toBe(1);
  expect(await countOf('instances')).toBe(before + 1);
});

test('a repetition is answered by the object as it is now, with the first status', async () => {
  const headers = { 'idempotency-key': 'as-it-is-now' };
  const first = await one.client.post<InstanceDocument>(instances, web, headers);
  await one.client.delete(`${instances}/${first.body.id}`);
  const again = await two.client.post<InstanceDocument>(instances, web, headers);
  expect(again).toMatchObject({ status: 201, body: { id: first.body.id, generation: 2, spec: { intent: 'terminated' }, revision: first.body.revision } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.headers.get('location')).toBe(first.headers.get('location'));
});

test('the same key with another body, or on another object, is refused and changes nothing', async () => {
  const headers = { 'idempotency-key': 'reused' };
  const first = await one.client.post<InstanceDocument>(instances, web, headers);
  const other = await objects.instance();
  await one.client.delete(`${instances}/${first.body.id}`, headers);
  const before = await one.keys();
  expect(await two.client.post<ProblemBody>(instances, { ...web, priority: 1 }, headers)).toMatchObject({ status: 409, body: { code: 'idempotency_key_reuse', objectId: first.body.id } });
  expect(await two.client.delete<ProblemBody>(`${instances}/${other.id}`, headers)).toMatchObject({ status: 409, body: { code: 'idempotency_key_reuse' } });
  expect(await one.keys()).toEqual(before);
});

test('the same key on another route is another request', async () => {
  const headers = { 'idempotency-key': 'two-routes' };
  expect(await one.client.post(instances, web, headers)).toMatchObject({ status: 201 });
  expect(await one.client.post(definitions, webDocument({ name: 'two-routes' }), headers)).toMatchObject({ status: 201 });
});

test('a repetition is answered even where the request would be refused by now', async () => {
  await objects.definition(webDocument({ name: 'soon-old' }));
  const headers = { 'idempotency-key': 'soon-old' };
  const request = { definition: { name: 'soon-old', version: '1.0.0' } };
  const first = await one.client.post<InstanceDocument>(instances, request, headers);
  await one.client.post(`${definitions}/${first.body.spec.definition.id}/deprecate`);
  expect(await one.client.post(instances, request)).toMatchObject({ status: 409, body: { code: 'definition_not_active' } });
  expect(await one.client.post(instances, request, headers)).toMatchObject({ status: 201, body: { id: first.body.id } });
});

test('an act is done once: a second retry under the first one’s key is not admitted anew', async () => {
  await objects.template();
  const worker = await objects.worker();
  const lifecycle = new Lifecycle(one);
  await lifecycle.provision(worker.id);
  const instance = await objects.instance();
  await lifecycle.place(instance.id, worker.id, { http: 2000 });
  await lifecycle.giveUp(instance.id);
  const headers = { 'idempotency-key': 'retry-once' };
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : two).client.post<InstanceDocument>(`${instances}/${instance.id}/retry`, undefined, headers)),
  );
  expect(replies.map(({ status, body }) => [status, body.generation])).toEqual(replies.map(() => [202, 2]));
  expect(new Set(replies.map(({ body }) => body.spec.command?.id)).size).toBe(1);
  expect(replies.filter(({ headers: answered }) => answered.get('idempotency-replayed') === null)).toHaveLength(1);
});

test.each([
  ['definitions', definitions, webDocument({ name: 'raced' })],
  ['workers', workers, { template: 'small' }],
  ['templates', templates, { name: 'raced', provider: 'local', capacity: { cpu: 1, memory: '1Gi', storage: '1Gi' } }],
])('%s, too, are made once', async (collection, path, body) => {
  const before = await countOf(collection);
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : two).client.post<{ id: string }>(path, body, { 'idempotency-key': 'raced' })),
  );
  expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201));
  expect(new Set(replies.map(({ body: { id } }) => id)).size).toBe(1);
  expect(await countOf(collection)).toBe(before + 1);
});

test('a key is made and returned where the client gives none, in refusals too', async () => {
  const made = await one.client.post<InstanceDocument>(instances, web);
  const key = made.headers.get('idempotency-key')!;
  expect(key).toBeTruthy();
  const repeated = await two.client.post<InstanceDocument>(instances, web, { 'idempotency-key': key });
  expect(repeated.body.id).toBe(made.body.id);
  const refused = await one.client.post<ProblemBody>(instances, {});
  expect(refused.headers.get('idempotency-key')).toBeTruthy();
});

test.each([['empty text', ' '], ['a space', 'a b'], ['too long', 'x'.repeat(256)]])('a key that cannot be one is refused: %s', async (_what, key) => {
  const reply = await one.client.post<ProblemBody>(instances, web, { 'idempotency-key': key });
  // An HTTP client trims what is blank away, and then there is no key.
  if (key.trim() === '') expect(reply.status).toBe(400);
  else expect(reply).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: expect.stringContaining('Idempotency-Key') }] } });
});

test('a record lives for a day and says what it was for, but not what was asked', async () => {
  const { body } = await one.client.post<InstanceDocument>(instances, web, { 'idempotency-key': 'a-record' });
  const { entries } = await one.dependencies.etcd.list('idempotency/');
  const record = entries.find(({ value }) => (value as IdempotencyRecord).objectId === body.id)!.value as IdempotencyRecord;
  expect(record).toMatchObject({ schemaVersion: 1, kind: 'Instance', requestHash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(Date.parse(record.expiresAt) - Date.parse(record.createdAt)).toBe(idempotencyRecordTtlMs);
});

test('whoever gives no key is told that it is done, too, when the answer of its commit was lost and its event has moved on', async () => {
  const withLostAnswers = await TestApi.start(freshWorld(), (dependencies) => {
    const { committer, etcd } = dependencies;
    const commit = async (decision: Decision) => {
      await committer.commit(decision);
      await etcd.raw.kv.deleteRange({ key: etcd.key(keys.outbox(decision.id)) });
      return committer.commit(decision);
    };
    return { ...dependencies, committer: Object.assign(Object.create(committer) as Committer, { commit }) };
  });
  try {
    const { client } = withLostAnswers;
    expect(await client.post(definitions, webDocument())).toMatchObject({ status: 201 });
    const created = await client.post<InstanceDocument>(instances, web);
    expect(created).toMatchObject({ status: 201, body: { generation: 1 } });
    expect(created.headers.get('idempotency-replayed')).toBeNull();
    expect(await client.delete(`${instances}/${created.body.id}`)).toMatchObject({ status: 202, body: { id: created.body.id, generation: 2 } });
  } finally {
    await withLostAnswers.stop();
  }
});
