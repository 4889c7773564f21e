import type { HistoryPage, SnapshotView } from '../../src/api/history/schemas';
import { differenceOf } from '../../src/domain/difference';
import type { ProblemBody } from './support/client';
import { Lifecycle } from './support/lifecycle';
import { definitions, instances, Objects, templates, webDocument, workers } from './support/objects';
import { forgetSnapshots, recordAll } from './support/recorder';
import { freshWorld, TestApi } from './support/test-api';

let api: TestApi;
let objects: Objects;
let definitionId: string;
let templateId: string;
beforeAll(async () => {
  api = await TestApi.start();
  objects = new Objects(api);
  definitionId = (await objects.definition()).id;
  templateId = (await objects.template()).id;
});
afterAll(() => api.stop());

/** An instance with seven events: created, placed, begun, running, asked to end, being removed, terminated. */
async function lived(): Promise<{ id: string; workerId: string }> {
  const lifecycle = new Lifecycle(api);
  const worker = await objects.worker();
  await lifecycle.provision(worker.id);
  const { id } = await objects.instance({ definition: { id: definitionId }, labels: { team: 'a' } });
  await lifecycle.run(id, worker.id, { http: 2000 });
  await api.client.delete(`${instances}/${id}`, { 'x-request-id': 'the-end' });
  await lifecycle.begin(id, 'remove');
  await lifecycle.complete(id, 'remove');
  return { id, workerId: worker.id };
}

const upToDate = async () => `minRevision=${await api.dependencies.etcd.revision()}`;

async function history(path: string, query = ''): Promise<HistoryPage> {
  const reply = await api.client.get<HistoryPage>(`${path}/history?${await upToDate()}${query}`);
  expect(reply.status).toBe(200);
  expect(reply.headers.get('berth-revision')).toBe(reply.body.revision);
  return reply.body;
}

async function snapshot(path: string, moment: string): Promise<SnapshotView> {
  const reply = await api.client.get<SnapshotView>(`${path}/snapshot?${await upToDate()}&${moment}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

const nowhere = async () => undefined;

describe.each<[string, (api: TestApi) => Promise<void>]>([
  ['that is in the outbox still', nowhere],
  ['that is recorded', recordAll],
  ['whose snapshots are not kept any more', async (on) => recordAll(on).then(() => forgetSnapshots(on))],
])('an instance %s', (_where, record) => {
  let id: string;
  let workerId: string;
  let path: string;
  beforeAll(async () => {
    ({ id, workerId } = await lived());
    path = `${instances}/${id}`;
    await record(api);
  });

  test('has every change in order, with who, why and what differs', async () => {
    const { items, nextAfterSequence } = await history(path);
    expect(items.map(({ sequence, type, changeType }) => [sequence, type.replace('berth.instance.', ''), changeType])).toEqual([
      [1, 'created', 'created'],
      [2, 'scheduled', 'updated'],
      [3, 'instantiating', 'updated'],
      [4, 'running', 'updated'],
      [5, 'terminate-requested', 'updated'],
      [6, 'stopping', 'updated'],
      [7, 'terminated', 'deleted'],
    ]);
    expect(nextAfterSequence).toBeUndefined();
    expect(items[0]!.changes.map((change) => change.path)).toEqual(['spec', 'status']);
    expect(items[1]).toMatchObject({ actor: 'lifecycle', message: `placed on worker ${workerId}`, correlationId: expect.any(String) });
    expect(items[1]!.changes).toEqual(
      expect.arrayContaining([
        { path: 'status.phase', before: 'PENDING', after: 'SCHEDULED' },
        { path: 'allocation', after: expect.objectContaining({ workerId }) },
        { path: 'status.conditions.Scheduled', after: expect.objectContaining({ status: 'True' }) },
      ]),
    );
    expect(items[4]).toMatchObject({ actor: 'user:p-administrator', requestId: 'the-end', correlationId: 'the-end' });
    expect(items[4]!.changes.map((change) => change.path)).toEqual(['spec.deletionRequestedAt', 'spec.intent', 'spec.intentGeneration']);
    expect(items[6]!.changes).toContainEqual({ path: 'allocation', before: expect.objectContaining({ workerId }) });
    expect(JSON.stringify(items)).not.toMatch(/lastReconcileTime|lastTransitionTime|"observedGeneration|schemaVersion/);
  });

  test('has pages that go on where the former one ended, and say the same', async () => {
    const whole = (await history(path)).items;
    const seen: HistoryPage['items'][number][] = [];
    let after = 0;
    for (let round = 0; round < 10; round++) {
      const page = await history(path, `&limit=2&afterSequence=${after}`);
      seen.push(...page.items);
      if (page.nextAfterSequence === undefined) break;
      after = page.nextAfterSequence;
    }
    expect(seen).toEqual(whole);
    expect((await history(path, '&afterSequence=7')).items).toEqual([]);
    expect((await history(path, '&afterSequence=99')).items).toEqual([]);
  });

  test('can be seen as it was after each event, and the differences of its history lead from one to the next', async () => {
    const { items } = await history(path);
    let before: SnapshotView['object'] | undefined;
    for (const { changes, ...entry } of items) {
      const { object, ...made } = await snapshot(path, `sequence=${entry.sequence}`);
      expect(made).toEqual(entry);
      const parts = (of: SnapshotView['object'] | undefined) => (of === undefined ? {} : { spec: of.spec, status: of.status, allocation: of.allocation });
      expect(differenceOf(parts(before), parts(object))).toEqual(changes);
      expect(await snapshot(path, `revision=${entry.revision}`)).toEqual({ object, ...made });
      before = object;
    }
  });

  test('is at a revision or a time what the last event up to it made of it', async () => {
    const { items } = await history(path);
    const [first, second] = items;
    expect((await snapshot(path, `revision=${Number(second!.revision) - 1}`)).sequence).toBe(1);
    expect(await snapshot(path, `revision=${await api.dependencies.etcd.revision()}`)).toMatchObject({ sequence: 7, object: { status: { phase: 'TERMINATED' } } });
    expect((await snapshot(path, `time=${encodeURIComponent(items[6]!.time)}`)).sequence).toBe(7);
    expect((await snapshot(path, 'time=2100-01-01T00:00:00Z')).sequence).toBe(7);
    for (const moment of [`revision=${Number(first!.revision) - 1}`, 'time=2001-01-01T00:00:00Z', 'sequence=0', 'sequence=8', 'revision=99999999999']) {
      const reply = await api.client.get<ProblemBody>(`${path}/snapshot?${moment}`);
      expect({ moment, code: reply.body.code, status: reply.status }).toEqual({ moment, code: 'snapshot_not_found', status: 404 });
    }
  });
});

test('every kind has a history and snapshots', async () => {
  const { workerId } = await lived();
  const { id } = await objects.definition(webDocument({ name: 'deprecated' }));
  await api.client.post(`${definitions}/${id}/deprecate`);
  for (const record of [nowhere, recordAll]) {
    await record(api);
    expect((await history(`${workers}/${workerId}`)).items.map(({ type }) => type)).toEqual(['berth.worker.created', 'berth.worker.provisioning', 'berth.worker.running']);
    const definition = await history(`${definitions}/${id}`);
    expect(definition.items[1]).toMatchObject({ type: 'berth.definition.deprecated', changes: [{ path: 'status.message' }, { path: 'status.phase', before: 'ACTIVE', after: 'DEPRECATED' }] });
    expect(await snapshot(`${templates}/${templateId}`, 'sequence=1')).toMatchObject({ changeType: 'created', object: { kind: 'WorkerTemplate', spec: { name: 'small' } } });
  }
  expect(JSON.stringify(await snapshot(`${workers}/${workerId}`, 'sequence=2'))).not.toContain('agentTokenHash');
});

test('what is not there, or is of another kind, has none', async () => {
  const { id } = await objects.worker();
  for (const [path, code] of [
    [`${instances}/i-none`, 'instance_not_found'],
    [`${instances}/${id}`, 'instance_not_found'],
    [`${workers}/w-none`, 'worker_not_found'],
    [`${definitions}/d-none`, 'definition_not_found'],
    [`${templates}/${id}`, 'template_not_found'],
  ]) {
    expect(await api.client.get(`${path}/history?${await upToDate()}`)).toMatchObject({ status: 404, body: { code } });
    expect(await api.client.get(`${path}/snapshot?sequence=1&${await upToDate()}`)).toMatchObject({ status: 404, body: { code } });
  }
});

test.each(['', 'revision=1&sequence=1', 'revision=x', 'time=yesterday', 'time=2026-01-01', 'sequence=-1', 'at=1'])('a snapshot is asked for by one moment: ?%s is refused', async (query) => {
  const { workerId } = await lived();
  expect(await api.client.get(`${workers}/${workerId}/snapshot?${query}`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
});

test('what moves from the outbox to the record while it is read is there, and once', async () => {
  let meanwhile: (() => Promise<void>) | undefined;
  const moving = await TestApi.start(freshWorld(), (dependencies) => ({
    ...dependencies,
    auditEvents: {
      ...dependencies.auditEvents,
      ofSubject: async (subject, page) => {
        const found = await dependencies.auditEvents.ofSubject(subject, page);
        await meanwhile?.();
        return found;
      },
    },
  }));
  try {
    const made = new Objects(moving);
    await made.definition();
    const { id } = await made.instance();
    const { headers } = await moving.client.patch(`${instances}/${id}`, { paused: true });
    meanwhile = async () => recordAll(moving);
    const { body } = await moving.client.get<HistoryPage>(`${instances}/${id}/history?minRevision=${headers.get('berth-revision')}`);
    expect(body.items.map(({ sequence }) => sequence)).toEqual([1, 2]);
  } finally {
    await moving.stop();
  }
});

test('an event that the record lacks is a fault that is told of, not a wrong difference', async () => {
  const { id } = await lived();
  await recordAll(api);
  await forgetSnapshots(api);
  await api.mongo.collection('audit_events').deleteMany({ subject: id, sequence: 3 });
  expect(await api.client.get(`${instances}/${id}/history`)).toMatchObject({ status: 500, body: { code: 'record_incomplete', detail: expect.stringContaining('event 4') } });
});
