import { canonicalJson } from '../../src/domain/canonical-json';
import type { Decision } from '../../src/stores/etcd/commit';
import { keys } from '../../src/stores/etcd/keys';
import { instances, webDocument } from '../api/support/objects';
import { freshWorld, TestApi } from '../api/support/test-api';
import { hourMs, MaintenanceLab, retentionMs } from './support/maintenance-lab';

let api: TestApi;
let lab: MaintenanceLab;

beforeEach(async () => {
  api = await TestApi.start(freshWorld());
  lab = new MaintenanceLab(api);
  await lab.objects.definition();
  await lab.objects.template();
});

afterEach(async () => {
  await api.stop();
});

async function documentOf(id: string): Promise<Record<string, unknown> | null> {
  return api.mongo.collection<{ _id: string }>('retired_objects').findOne({ _id: id });
}

/** Commits, but for what a test puts before it. */
function committing(before: (decision: Decision) => Promise<void>) {
  const { committer } = api.dependencies;
  return {
    commit: async (decision: Decision) => {
      await before(decision);
      return committer.commit(decision);
    },
  };
}

/** As if somebody who may had changed a label of it. */
function relabel(id: string, label: string): Promise<void> {
  return plant(keys.instanceSpec(id), { labels: { label } });
}

/** Changes a stored value behind everybody's back. */
async function plant(key: string, differences: object): Promise<void> {
  const { etcd } = api.dependencies;
  const found = await etcd.get(key);
  await etcd.raw.put(etcd.key(key)).value(JSON.stringify({ ...(found!.value as object), ...differences }));
}

test('instances, workers and definitions that ended long ago leave etcd, their last event tells it, and their names stay taken', async () => {
  const instanceId = await lab.endedInstance({ definition: { name: 'web', version: '1.0.0' }, labels: { zone: 'a', 'team.example/x': 'y$z' } });
  const workerId = await lab.endedWorker();
  const definitionId = await lab.endedDefinition(webDocument({ version: '2.0.0' }));
  const before = await api.dependencies.fresh.instance(instanceId);
  await plant(keys.workerStatus(workerId), { agentTokenHash: 'no business in the record' });
  await lab.project();

  expect(await lab.retire()).toMatchObject({ findings: 0, summary: '3 retired, 0 not yet' });

  expect([...(await lab.keys(`instances/${instanceId}/`)), ...(await lab.keys(`workers/${workerId}/`)), ...(await lab.keys(`definitions/${definitionId}/`))]).toEqual([]);
  expect(await lab.keys('definition-names/web/')).toEqual(['definition-names/web/1.0.0', 'definition-names/web/2.0.0']);
  const { spec, status } = before;
  expect(await documentOf(instanceId)).toEqual({
    _id: instanceId,
    kind: 'Instance',
    org: 'default',
    phase: 'TERMINATED',
    labels: ['team.example/x=y$z', 'zone=a'],
    definition: 'web',
    createdAt: spec.value.createdAt,
    endedAt: status.value.lastReconcileTime,
    sequence: status.value.sequence,
    epoch: 1,
    revision: String(status.revision),
    specRevision: spec.revision,
    statusRevision: status.revision,
    object: canonicalJson({ spec: spec.value, status: status.value }),
  });
  expect(JSON.stringify(await documentOf(workerId))).not.toContain('agentTokenHash');

  await lab.project();
  for (const [id, kind] of [[instanceId, 'instance'], [workerId, 'worker'], [definitionId, 'definition']] as const) {
    const events = await lab.auditEvents.ofSubject(id, { limit: 100 });
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)).toMatchObject({ type: `berth.${kind}.retired`, actor: 'maintenance', data: {} });
    const snapshot = await lab.snapshots.get(id, events.length);
    expect(snapshot).toMatchObject({ changeType: 'deleted', state: { retired: true, status: { phase: kind === 'definition' ? 'DELETED' : 'TERMINATED' } } });
  }
});

test('what has not ended stays, and what ended less than the retention ago stays until then', async () => {
  const { id: alive } = await lab.objects.instance();
  const ended = await lab.endedInstance();
  await lab.project();
  await lab.retire({ aheadMs: retentionMs - hourMs });
  expect(await lab.keys(`instances/${ended}/`)).not.toEqual([]);
  await lab.retire({ aheadMs: retentionMs + hourMs });
  expect(await lab.keys(`instances/${ended}/`)).toEqual([]);
  expect(await lab.keys(`instances/${alive}/`)).not.toEqual([]);
});

test('an object of which an event is not recorded yet waits for a later run', async () => {
  const id = await lab.endedInstance();
  expect(await lab.retire()).toMatchObject({ summary: '0 retired, 1 not yet' });
  expect(await documentOf(id)).toBeNull();
  await lab.project();
  expect(await lab.retire()).toMatchObject({ summary: '1 retired, 0 not yet' });
});

test('a worker whose agent still holds its lease waits for a later run', async () => {
  const id = await lab.endedWorker();
  await lab.lifecycle.goOnline(id);
  await lab.project();
  expect(await lab.retire()).toMatchObject({ summary: '0 retired, 1 not yet' });
  expect(await lab.keys(`workers/${id}/`)).toContain(`workers/${id}/state`);
});

test('a run that is killed between document and commit is repeated by the next one, and until then the object lives', async () => {
  const id = await lab.endedInstance();
  await lab.project();
  const killed = await lab.retire({ committer: committing(() => Promise.reject(new Error('killed'))) });
  expect(killed.findings).toBe(1);
  expect(await documentOf(id)).not.toBeNull();
  const shown = await api.client.get<{ archived?: true }>(`${instances}/${id}`);
  expect(shown).toMatchObject({ status: 200 });
  expect(shown.body.archived).toBeUndefined();
  expect((await api.client.get<{ items: unknown[] }>(`${instances}?archived=true`)).body.items).toEqual([]);

  expect(await lab.retire()).toMatchObject({ summary: '1 retired, 0 not yet' });
  expect(await lab.keys(`instances/${id}/`)).toEqual([]);
});

test('an object that changes between document and commit stays, and retires later as it then is', async () => {
  const id = await lab.endedInstance();
  await lab.project();
  const changing = committing((decision) => (decision.id.endsWith('/retire') ? relabel(id, 'changed') : Promise.resolve()));
  expect(await lab.retire({ committer: changing })).toMatchObject({ findings: 0, summary: '0 retired, 1 not yet' });
  expect(await lab.keys(`instances/${id}/`)).not.toEqual([]);

  expect(await lab.retire()).toMatchObject({ summary: '1 retired, 0 not yet' });
  expect(await documentOf(id)).toMatchObject({ labels: ['label=changed'] });
});

test('two runs at once retire an object once', async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, () => lab.endedInstance()));
  await lab.project();
  const runs = await Promise.all([lab.retire(), lab.retire()]);
  expect(runs.map(({ findings }) => findings)).toEqual([0, 0]);
  await lab.project();
  for (const id of ids) {
    const events = await lab.auditEvents.ofSubject(id, { limit: 100 });
    expect(events.filter(({ type }) => type === 'berth.instance.retired')).toHaveLength(1);
    expect(await documentOf(id)).not.toBeNull();
  }
});

test('a value of a newer program stays, is reported, and keeps no other object from retiring', async () => {
  const [newer, other] = [await lab.endedInstance(), await lab.endedInstance()];
  await lab.project();
  await plant(keys.instanceStatus(newer), { schemaVersion: 99 });
  expect(await lab.retire()).toMatchObject({ findings: 1, summary: '1 retired, 1 not yet' });
  expect(await lab.keys(`instances/${newer}/`)).not.toEqual([]);
  expect(await lab.keys(`instances/${other}/`)).toEqual([]);
});
