import type { HistoryPage } from '../../src/api/history/schemas';
import type { ChangedInstanceDocument, InstanceDocument } from '../../src/api/instances/schemas';
import type { ChangedWorkerDocument, WorkerDocument } from '../../src/api/workers/schemas';
import { Lifecycle } from './support/lifecycle';
import { instances, Objects, workers } from './support/objects';
import { forgetSnapshots, recordAll } from './support/recorder';
import { TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  await objects.definition();
  await objects.template();
});
afterAll(() => api.stop());

const original = { labels: { zone: 'a' }, maxDuration: '1h' };
const patches = [{ labels: { zone: 'b', team: 'x' } }, { paused: true, maxDuration: null, restart: 'never', retry: { factor: 3 } }];

/** An instance that was patched twice; with the revision of its creation. */
async function patchedTwice(): Promise<InstanceDocument> {
  const created = await objects.instance({ definition: { name: 'web', version: '1.0.0' }, ...original });
  for (const patch of patches) expect(await api.client.patch(`${instances}/${created.id}`, patch)).toMatchObject({ status: 200 });
  return created;
}

const rollback = (id: string, to: unknown, query = '', headers: Record<string, string> = {}) =>
  api.client.post<ChangedInstanceDocument>(`${instances}/${id}/rollback${query}`, to, headers);

test.each<[string, (on: TestApi) => Promise<void>]>([
  ['from the outbox', async () => undefined],
  ['from the record', recordAll],
  ['from the record without snapshots', async (on) => recordAll(on).then(() => forgetSnapshots(on))],
])('goes forward to what may be changed as it was at a revision: %s', async (_where, record) => {
  const created = await patchedTwice();
  await record(api);
  const reply = await rollback(created.id, { revision: created.revision });
  expect(reply).toMatchObject({
    status: 200,
    body: { generation: 4, labels: { zone: 'a' }, paused: false, dryRun: false, spec: { ...created.spec, intent: 'running' } },
  });
  expect(reply.body.changes).toEqual([
    { path: 'spec.labels.team', before: 'x' },
    { path: 'spec.labels.zone', before: 'b', after: 'a' },
    { path: 'spec.maxDurationMs', after: 3_600_000 },
    { path: 'spec.paused', before: true, after: false },
    { path: 'spec.restart.policy', before: 'never', after: 'on-failure' },
    { path: 'spec.retry.factor', before: 3, after: 2 },
  ]);
  const { body } = await api.client.get<HistoryPage>(`${instances}/${created.id}/history?minRevision=${reply.body.revision}`);
  expect(body.items.at(-1)).toMatchObject({
    type: 'berth.instance.rollback-requested',
    message: `rolled back to revision ${created.revision}, event 1`,
    changes: reply.body.changes,
  });
  const events = await api.client.get<{ items: Array<{ data: unknown }> }>(`${instances}/${created.id}/events?afterSequence=3`);
  expect(events.body.items[0]!.data).toMatchObject({ rolledBackTo: { revision: created.revision, sequence: 1 } });
  expect(api.nudges.at(-1)).toBe(`Instance ${created.id}`);
});

test('to a sequence, and back from there: a rollback is a change like others', async () => {
  const { id } = await patchedTwice();
  const back = await rollback(id, { sequence: 2 });
  expect(back.body).toMatchObject({ generation: 4, labels: { zone: 'b', team: 'x' }, paused: false, spec: { maxDurationMs: 3_600_000 } });
  const again = await rollback(id, { sequence: 3 });
  expect(again.body).toMatchObject({ generation: 5, paused: true, spec: { restart: { policy: 'never' } } });
  expect(again.body.changes.map(({ path, before, after }) => [path, after, before])).toEqual(back.body.changes.filter(({ path }) => !path.includes('labels')).map(({ path, before, after }) => [path, before, after]));
});

test('leaves phase, intent and place as they are', async () => {
  const lifecycle = new Lifecycle(api);
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const created = await objects.instance({ definition: { name: 'web', version: '1.0.0' }, ...original });
  await lifecycle.run(created.id, worker.id, { http: 2000 });
  await api.client.patch(`${instances}/${created.id}`, { labels: { zone: 'z' } });
  await api.client.post(`${instances}/${created.id}/stop`);
  const { body } = await rollback(created.id, { sequence: 1 });
  expect(body).toMatchObject({ labels: { zone: 'a' }, spec: { intent: 'stopped' }, status: { phase: 'RUNNING' }, worker: { id: worker.id } });
});

test('as a dry run, and where nothing differs, writes nothing', async () => {
  const created = await patchedTwice();
  const before = await api.keys();
  const preview = await rollback(created.id, { revision: Number(created.revision) }, '?dryRun=true');
  expect(preview).toMatchObject({ status: 200, body: { generation: 3, dryRun: true, paused: true } });
  expect(preview.body.changes.map(({ path }) => path)).toContain('spec.paused');
  const present = await rollback(created.id, { sequence: 3 });
  expect(present).toMatchObject({ status: 200, body: { generation: 3, dryRun: false, changes: [] } });
  expect(await api.keys()).toEqual(before);
  expect((await rollback(created.id, { revision: created.revision })).body.changes).toEqual(preview.body.changes);
});

test('to what never was is refused, and so is what was decided on another spec', async () => {
  const created = await patchedTwice();
  const before = await api.keys();
  for (const to of [{ revision: Number(created.revision) - 1 }, { revision: '999999999999' }, { sequence: 0 }, { sequence: 9 }]) {
    expect(await rollback(created.id, to)).toMatchObject({ status: 404, body: { code: 'snapshot_not_found' } });
  }
  for (const to of [{}, undefined, { revision: '1', sequence: 1 }, { revision: 'x' }, { sequence: 1.5 }, { to: 1 }]) {
    expect(await rollback(created.id, to)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  }
  expect(await rollback(created.id, { revision: 1e300 })).toMatchObject({ body: { detail: 'revision: expected a revision, a whole number, found 1e+300' } });
  expect(await rollback('i-none', { sequence: 1 })).toMatchObject({ status: 404, body: { code: 'instance_not_found' } });
  expect(await rollback(created.id, { sequence: 1 }, '', { 'if-match': `"${created.revision}"` })).toMatchObject({ status: 412, body: { changedBy: 'user:p-administrator' } });
  expect(await api.keys()).toEqual(before);
});

test('holds for workers, too', async () => {
  const { id, revision } = await objects.worker();
  const path = `${workers}/${id}`;
  expect(await api.client.patch(path, { paused: true, labels: { zone: 'b' } })).toMatchObject({ status: 200 });
  const reply = await api.client.post<ChangedWorkerDocument>(`${path}/rollback`, { revision });
  expect(reply).toMatchObject({ status: 200, body: { generation: 3, paused: false, labels: { zone: 'local' }, changes: [{ path: 'spec.labels.zone' }, { path: 'spec.paused' }] } });
  const { body } = await api.client.get<WorkerDocument>(`${path}?minRevision=${reply.body.revision}`);
  expect(body).toMatchObject({ generation: 3, paused: false });
});
