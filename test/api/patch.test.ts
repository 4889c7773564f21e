import type { HistoryPage } from '../../src/api/history/schemas';
import type { ChangedInstanceDocument, InstanceDocument } from '../../src/api/instances/schemas';
import type { ChangedWorkerDocument } from '../../src/api/workers/schemas';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, templates, workers } from './support/objects';
import { freshWorld, TestApi } from './support/test-api';

const world = freshWorld();
let api: TestApi;
let objects: Objects;
let definitionId: string;
let templateId: string;
beforeAll(async () => {
  api = await TestApi.start(world);
  objects = new Objects(api);
  definitionId = (await objects.definition()).id;
  templateId = (await objects.template()).id;
});
afterAll(() => api.stop());

const mergePatch = { 'content-type': 'application/merge-patch+json' };

async function made(differences: Record<string, unknown> = {}): Promise<InstanceDocument> {
  return objects.instance({ definition: { name: 'web', version: '1.0.0' }, labels: { zone: 'a', team: 'x' }, maxDuration: '1h', ...differences });
}

const patched = (id: string, patch: unknown, headers: Record<string, string> = {}, query = '') =>
  api.client.patch<ChangedInstanceDocument>(`${instances}/${id}${query}`, patch, headers);

describe('a patch of an instance', () => {
  test('changes what it names, takes away what it names null, and shows what differs', async () => {
    const { id, revision } = await made();
    const reply = await patched(id, { labels: { zone: 'b', team: null }, paused: true, maxDuration: null, restart: 'always', retry: { maxAttempts: 9 } }, mergePatch);
    expect(reply).toMatchObject({
      status: 200,
      body: { generation: 2, labels: { zone: 'b' }, paused: true, dryRun: false, spec: { intent: 'running', restart: { policy: 'always' }, retry: { attemptsMax: 9 } } },
    });
    expect(reply.body.spec.maxDurationMs).toBeUndefined();
    expect(reply.body.changes).toEqual([
      { path: 'spec.labels.team', before: 'x' },
      { path: 'spec.labels.zone', before: 'a', after: 'b' },
      { path: 'spec.maxDurationMs', before: 3_600_000 },
      { path: 'spec.paused', before: false, after: true },
      { path: 'spec.restart.policy', before: 'on-failure', after: 'always' },
      { path: 'spec.retry.attemptsMax', before: 3, after: 9 },
    ]);
    expect(Number(reply.headers.get('berth-revision'))).toBeGreaterThan(Number(revision));
    expect(reply.headers.get('etag')).toBe(`"${reply.body.revision}"`);
    expect(api.nudges.at(-1)).toBe(`Instance ${id}`);
    const history = await api.client.get<HistoryPage>(`${instances}/${id}/history?minRevision=${reply.body.revision}`);
    expect(history.body.items[1]).toMatchObject({ type: 'berth.instance.patch-requested', actor: 'user:p-administrator', changes: reply.body.changes });
  });

  test('leaves the intent, and gets its status’ word through a waiting that began before it', async () => {
    const { id } = await made();
    const waiting = patched(id, { labels: { seen: 'yes' } }, {}, '?waitFor=PENDING&timeout=10s');
    const lifecycle = new Lifecycle(api);
    const cache = api.dependencies.cached;
    await api.dependencies.cache.waitForObject({ collection: 'instances', id }, () => (cache.instance(id)?.spec.value.generation === 2 ? true : undefined), 5_000);
    await lifecycle.acknowledge(id);
    expect(await waiting).toMatchObject({ status: 200, body: { status: { phase: 'PENDING', observedGeneration: 2 }, changes: [{ path: 'spec.labels.seen' }] } });
  });

  test('that changes nothing is answered as unchanged, and writes nothing', async () => {
    const { id } = await made();
    const before = await api.keys();
    for (const patch of [{}, { paused: false }, { labels: { zone: 'a', gone: null } }, { maxDuration: '60m' }]) {
      expect(await patched(id, patch)).toMatchObject({ status: 200, body: { generation: 1, changes: [] } });
    }
    expect(await api.keys()).toEqual(before);
  });

  test('as a dry run says what would change, refuses what would be refused, and writes nothing', async () => {
    const { id } = await made();
    const before = await api.keys();
    const reply = await patched(id, { paused: true }, {}, '?dryRun=true&waitFor=RUNNING');
    expect(reply).toMatchObject({ status: 200, body: { generation: 1, paused: false, dryRun: true, changes: [{ path: 'spec.paused', before: false, after: true }] } });
    expect(reply.headers.get('berth-revision')).toBe(reply.body.revision);
    expect(await patched(id, { retry: { initialBackoff: '4m', maxBackoff: '1s' } }, {}, '?dryRun=true')).toMatchObject({ status: 400 });
    expect(await patched(id, { paused: true }, { 'if-match': '"1"' }, '?dryRun=true')).toMatchObject({ status: 412 });
    expect(await api.keys()).toEqual(before);
  });

  test.each<[what: string, patch: unknown, path: string]>([
    ['an immutable field', { priority: 3 }, 'priority'],
    ['the intent', { intent: 'stopped' }, 'intent'],
    ['an unknown field of a part', { retry: { attempts: 3 } }, 'retry.attempts'],
    ['a wrong type', { paused: 'yes' }, 'paused'],
    ['null where nothing can be taken away', { paused: null }, 'paused'],
    ['a wrong notation', { maxDuration: 60 }, 'maxDuration'],
    ['a label that is none', { labels: { '-': 'x' } }, 'labels'],
    ['half of a character', { labels: { zone: '\ud800' } }, 'labels.zone'],
    ['a backoff that does not fit the one that is there', { retry: { maxBackoff: '1ms' } }, 'retry.maxBackoff'],
    ['no object', [], ''],
  ])('is refused with the path of what is wrong: %s', async (_what, patch, path) => {
    const { id } = await made();
    const before = await api.keys();
    const reply = await api.client.patch<ProblemBody>(`${instances}/${id}`, patch);
    expect(reply).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(reply.body.errors!.map((error) => error.path)[0]).toContain(path);
    expect(await api.keys()).toEqual(before);
  });

  test('names what can be changed when something else is to be', async () => {
    const { id } = await made();
    const { body } = await api.client.patch<ProblemBody>(`${instances}/${id}`, { definition: { id: 'd-1' } });
    expect(body.detail).toBe('definition: expected one of the fields that can be changed: labels, paused, maxDuration, restart, retry, found an unknown field');
  });

  test('is refused of what is not there, or is to be terminated, or in another notation than JSON', async () => {
    expect(await patched('i-none', { paused: true })).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
    const { id } = await made();
    expect(await patched(id, 'paused: true', { 'content-type': 'application/yaml' })).toMatchObject({ status: 415 });
    await api.client.delete(`${instances}/${id}`);
    expect(await patched(id, { paused: true })).toMatchObject({ status: 409, body: { code: 'invalid_transition' } });
  });

  test('once more under its idempotency key is answered as it was, and done once', async () => {
    const { id } = await made();
    const headers = { 'idempotency-key': `once-${id}` };
    const first = await patched(id, { paused: true }, headers);
    await patched(id, { labels: { later: '1' } });
    const again = await patched(id, { paused: true }, headers);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body.changes).toEqual(first.body.changes);
    expect(again.body.generation).toBe(3);
    expect(await patched(id, { paused: false }, headers)).toMatchObject({ status: 409, body: { code: 'idempotency_key_reuse' } });
  });
});

describe('two who change one object', () => {
  test.each(['through one server', 'through two'])('on the same ETag: one wins, and the other learns who; %s', async (through) => {
    const other = through === 'through two' ? await TestApi.start(world) : api;
    try {
      for (let round = 0; round < 5; round++) {
        const { id, revision } = await made();
        const headers = { 'if-match': `"${revision}"` };
        const path = `${instances}/${id}`;
        const replies = await Promise.all([
          api.client.patch<ProblemBody>(path, { labels: { winner: 'one' } }, headers),
          other.client.patch<ProblemBody>(path, { labels: { winner: 'other' } }, headers),
        ]);
        const [winner, loser] = replies[0].status === 200 ? replies : [replies[1], replies[0]];
        expect(winner).toMatchObject({ status: 200, body: { generation: 2 } });
        expect(loser).toMatchObject({ status: 412, body: { code: 'precondition_failed', changedBy: 'user:p-administrator', generation: 2, changedAt: winner.body['updatedAt'] } });
        expect(loser.headers.get('etag')).toBe(winner.headers.get('etag'));
        const { body } = await api.client.get<InstanceDocument>(`${path}?minRevision=${winner.headers.get('berth-revision')}`);
        expect(body).toMatchObject({ generation: 2, labels: winner.body['labels'] });
      }
    } finally {
      if (other !== api) await other.stop();
    }
  });

  test('without one: both changes are made, one after the other', async () => {
    const { id } = await made({ labels: {} });
    const replies = await Promise.all(['a', 'b', 'c'].map((label) => patched(id, { labels: { [label]: '1' } })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(replies.map(({ body }) => body.generation).sort()).toEqual([2, 3, 4]);
    const { body } = await api.client.get<InstanceDocument>(`${instances}/${id}?minRevision=${await api.dependencies.etcd.revision()}`);
    expect(body.labels).toEqual({ a: '1', b: '1', c: '1' });
  });
});

test('a worker’s labels and pause can be changed, and nothing else of it', async () => {
  const { id } = await objects.worker();
  const path = `${workers}/${id}`;
  const reply = await api.client.patch<ChangedWorkerDocument>(path, { labels: { rack: '1', zone: null }, paused: true }, mergePatch);
  expect(reply).toMatchObject({ status: 200, body: { generation: 2, labels: { rack: '1' }, paused: true } });
  expect(reply.body.changes.map((change) => change.path)).toEqual(['spec.labels.rack', 'spec.labels.zone', 'spec.paused']);
  expect(api.nudges.at(-1)).toBe(`Worker ${id}`);
  const refused = await api.client.patch<ProblemBody>(path, { cpuRatio: 9 });
  expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('can be changed: labels, paused') } });
  expect(await api.client.patch(path, { paused: false }, { 'if-match': '"1"' })).toMatchObject({ status: 412, body: { changedBy: 'user:p-administrator' } });
});

test('definitions and templates are not changed', async () => {
  for (const path of [`${definitions}/${definitionId}`, `${templates}/${templateId}`]) {
    expect(await api.client.patch(path, { labels: {} })).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
  }
});
