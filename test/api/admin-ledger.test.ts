import type { PlanEntry } from '../../src/domain/plan';
import type { InvariantsDocument, RepairDocument } from '../../src/api/admin/invariants';
import type { EventLogDocument } from '../../src/api/admin/event-log';
import type { RebuildDocument } from '../../src/api/admin/projections';
import { claimPorts, heldPorts, releasePorts } from '../../src/domain/ports';
import { planRepair } from '../../src/domain/ledger-repair';
import type { QuotaUsage } from '../../src/domain/quota';
import { nothingHeld } from '../../src/domain/quota';
import { planQuotaRepair } from '../../src/domain/quota-audit';
import type { Amounts } from '../../src/domain/tenancy';
import type { WorkerPorts } from '../../src/domain/worker';
import { keys } from '../../src/stores/etcd/keys';
import { ledgerOf, quotasOf } from '../../src/stores/etcd/ledger-state';
import type { WorkerEntries } from '../../src/stores/etcd/objects';
import { ledgerRepairDecision, quotaRepairDecision } from '../../src/stores/etcd/repair-decisions';
import { Lifecycle } from './support/lifecycle';
import { Objects } from './support/objects';
import { TestApi, toldWorld } from './support/test-api';

const admin = '/api/v1/admin';
let api: TestApi;
let lifecycle: Lifecycle;
let objects: Objects;
let workerId: string;
let instanceId: string;
let allocationId: string;

/** A worker with one instance, RUNNING, on port 2000. */
beforeEach(async () => {
  api = await TestApi.start(toldWorld());
  objects = new Objects(api);
  lifecycle = new Lifecycle(api);
  await objects.definition();
  await objects.template();
  workerId = (await objects.worker()).id;
  await lifecycle.provision(workerId);
  instanceId = (await objects.instance()).id;
  allocationId = await lifecycle.run(instanceId, workerId, { http: 2000 });
});
afterEach(() => api.stop());

function worker(): Promise<WorkerEntries> {
  return api.dependencies.fresh.worker(workerId);
}

async function put(key: string, value: unknown): Promise<void> {
  const { etcd } = api.dependencies;
  await etcd.raw.put(etcd.prefix + key).value(JSON.stringify(value));
}

async function remove(key: string): Promise<void> {
  const { etcd } = api.dependencies;
  await etcd.raw.delete().key(etcd.prefix + key);
}

async function invariants(): Promise<InvariantsDocument> {
  const reply = await api.client.get<InvariantsDocument>(`${admin}/invariants`);
  expect(reply.status).toBe(200);
  return reply.body;
}

async function repair(query = ''): Promise<RepairDocument> {
  const reply = await api.client.post<RepairDocument>(`${admin}/invariants/repair${query}`);
  expect(reply.status).toBe(200);
  return reply.body;
}

function value<T>(outcome: { readonly value: T } | { readonly refused: unknown }): T {
  if ('refused' in outcome) throw new Error(JSON.stringify(outcome.refused));
  return outcome.value;
}

async function changePorts(change: (ports: WorkerPorts) => WorkerPorts): Promise<void> {
  await put(keys.workerPorts(workerId), change((await worker()).ports!.value));
}

type Damage = readonly [what: string, code: string, make: () => Promise<void>];
const damages: readonly Damage[] = [
  ['a port too many', 'port_without_allocation', () => changePorts((ports) => value(claimPorts(ports, [2050])))],
  ['a port too few', 'allocation_without_port', () => changePorts((ports) => value(releasePorts(ports, [2000])))],
  ['a bitmap that is none', 'port_bitmap_damaged', () => changePorts((ports) => ({ ...ports, bitmap: 'AAAA' }))],
  ['a bitmap that is gone', 'allocation_without_port', () => remove(keys.workerPorts(workerId))],
  ['a sum that is wrong', 'capacity_differs', async () => put(keys.workerCapacity(workerId), { ...(await worker()).capacity!.value, instances: 4 })],
  ['a sum that is gone', 'capacity_differs', () => remove(keys.workerCapacity(workerId))],
  [
    'a plan entry of nobody',
    'plan_without_allocation',
    () => put(keys.planEntry(workerId, 'a-left'), { schemaVersion: 1, allocationId: 'a-left', instanceId: 'i-gone', attempt: 1, wanted: 'running', workloadHash: 'x' }),
  ],
  ['a plan entry that is gone', 'allocation_without_plan', () => remove(keys.planEntry(workerId, allocationId))],
  [
    'a plan entry that wants something else',
    'plan_differs',
    async () => put(keys.planEntry(workerId, allocationId), { ...(await worker()).plan.get(allocationId)!.value, wanted: 'stopped' }),
  ],
];

/** A repair knows what a host has to do, not which request it was that asked for it. */
function untraced({ requestId: _requestId, traceparent: _traceparent, ...entry }: PlanEntry): PlanEntry {
  return entry;
}

test('nothing is wrong, and a repair writes nothing', async () => {
  expect(await invariants()).toMatchObject({ findingsTotal: 0, findings: [], instances: 1, workers: 1 });
  const before = await api.keys();
  expect(await repair('?dryRun=false')).toMatchObject({ dryRun: false, repairs: [], findingsTotal: 0 });
  expect(await api.keys()).toEqual(before);
});

test.each(damages)('%s is found; a dry run changes nothing, a repair mends it and is on record', async (_what, code, damage) => {
  const right = await worker();
  await damage();
  expect(await invariants()).toMatchObject({ findings: [expect.objectContaining({ code, repairable: true })] });

  const before = await api.keys();
  const dry = await repair();
  expect(dry).toMatchObject({ dryRun: true, repairs: [{ worker: workerId, outcome: 'planned' }], findings: [expect.objectContaining({ code })] });
  expect(await api.keys()).toEqual(before);

  const done = await repair('?dryRun=false');
  expect(done).toMatchObject({ dryRun: false, repairs: [{ worker: workerId, outcome: 'done' }], findingsTotal: 0 });
  const mended = await worker();
  expect(mended.capacity!.value).toEqual(right.capacity!.value);
  expect(mended.ports!.value).toEqual(right.ports!.value);
  expect([...mended.plan.values()].map(({ value }) => untraced(value))).toEqual([...right.plan.values()].map(({ value }) => untraced(value)));

  const log = await api.client.get<EventLogDocument>(`${admin}/objects/workers/${workerId}/events`);
  expect(log.body.gaps).toEqual([]);
  expect(log.body.items.at(-1)!.event).toMatchObject({ type: 'berth.worker.ledger-repaired', actor: expect.stringMatching(/^user:p-/), worker: workerId, data: { repaired: expect.anything() } });
  expect(JSON.stringify(log.body.items.at(-1))).not.toContain('agentTokenHash');
  expect((await api.client.post<RebuildDocument>(`${admin}/projections/live/rebuild`)).body.differences).toEqual([]);
  expect(await repair('?dryRun=false')).toMatchObject({ repairs: [] });
});

type QuotaDamage = readonly [what: string, key: string, make: (used: Amounts) => Promise<void>];
const quotaDamages: readonly QuotaDamage[] = [
  ['that says too much', keys.quota('default'), (used) => put(keys.quota('default'), { schemaVersion: 1, used: { ...used, instances: 7, definitions: 0 } })],
  ['that is gone', keys.quota('default', 'default'), () => remove(keys.quota('default', 'default'))],
  ['of nobody', keys.quota('o-gone', 'p-gone'), (used) => put(keys.quota('o-gone', 'p-gone'), { schemaVersion: 1, used })],
];

test.each(quotaDamages)('a quota %s is found; a dry run changes nothing, a repair writes what is held', async (_what, key, damage) => {
  const { used } = (await api.dependencies.etcd.get(keys.quota('default')))!.value as QuotaUsage;
  expect(used).toMatchObject({ instances: 1, ports: 1, definitions: 1 });
  await damage(used);
  expect(await invariants()).toMatchObject({ findings: [{ code: 'quota_differs', object: key, repairable: true }] });
  const before = await api.keys();
  expect(await repair()).toMatchObject({ dryRun: true, repairs: [{ writes: [key], removes: [], outcome: 'planned' }] });
  expect(await api.keys()).toEqual(before);
  expect(await repair('?dryRun=false')).toMatchObject({ repairs: [{ writes: [key], outcome: 'done' }], findingsTotal: 0 });
  expect(((await api.dependencies.etcd.get(keys.quota('default')))!.value as QuotaUsage).used).toEqual(used);
  expect((await api.client.post<RebuildDocument>(`${admin}/projections/live/rebuild`)).body.differences).toEqual([]);
  expect(await repair('?dryRun=false')).toMatchObject({ repairs: [] });
});

test('a quota that somebody is charged to meanwhile is not written anew', async () => {
  const { fresh, committer, etcd } = api.dependencies;
  await put(keys.quota('default'), { schemaVersion: 1, used: nothingHeld });
  const state = await fresh.everything();
  const { repairs } = planQuotaRepair(quotasOf(state));
  await objects.instance();
  expect(await committer.commit(quotaRepairDecision(repairs[0]!, state.quotas.get(repairs[0]!.key)))).toMatchObject({ kind: 'changed', keys: [keys.quota('default')] });
  expect((await etcd.get(keys.quota('default')))!.value).toMatchObject({ used: { instances: 1 } });
});

test('a mended ledger goes on being kept', async () => {
  await changePorts((ports) => value(releasePorts(ports, [2000])));
  await repair('?dryRun=false');
  const second = (await objects.instance()).id;
  await lifecycle.place(second, workerId, { http: 2001 });
  expect(heldPorts((await worker()).ports!.value)).toEqual([2000, 2001]);
  expect(await invariants()).toMatchObject({ findingsTotal: 0 });
});

test('what a person has to decide is left as it is, with what to do', async () => {
  const { allocation } = await api.dependencies.fresh.instance(instanceId);
  const other = (await objects.instance()).id;
  await lifecycle.place(other, workerId, { http: 2001 });
  const held = await api.dependencies.fresh.instance(other);
  await put(keys.instanceAllocation(other), { ...held.allocation!.value, ports: allocation!.value.ports });
  await put(keys.instanceStatus(instanceId), { ...(await api.dependencies.fresh.instance(instanceId)).status.value, phase: 'FAILED' });
  const { findings } = await invariants();
  expect(findings.map(({ code, repairable }) => [code, repairable]).sort()).toEqual([
    ['allocation_in_wrong_phase', false],
    ['port_held_twice', false],
    ['port_without_allocation', true],
  ]);
  expect(findings.every(({ remedy }) => remedy.length > 10)).toBe(true);
  expect((await repair('?dryRun=false')).findings.map(({ code }) => code).sort()).toEqual(['allocation_in_wrong_phase', 'port_held_twice']);
  expect((await api.dependencies.fresh.instance(instanceId)).allocation!.value).toEqual(allocation!.value);
});

test('a repair that somebody was faster than writes nothing', async () => {
  const { fresh, committer } = api.dependencies;
  await changePorts((ports) => value(claimPorts(ports, [2050])));
  const state = await fresh.everything();
  const { repairs } = planRepair(ledgerOf(state));
  const decision = ledgerRepairDecision(state.workers[0]!, new Map(), repairs[0]!, { cause: { actor: 'user:test' }, time: new Date().toISOString() });
  await lifecycle.place((await objects.instance()).id, workerId, { http: 2001 });
  const before = await api.keys();
  expect(await committer.commit(decision)).toMatchObject({ kind: 'changed', keys: expect.arrayContaining([keys.workerPorts(workerId)]) });
  expect(await api.keys()).toEqual(before);
});

test('a query that is not known is refused and changes nothing', async () => {
  await changePorts((ports) => value(claimPorts(ports, [2050])));
  const before = await api.keys();
  expect(await api.client.post(`${admin}/invariants/repair?dryRun=maybe`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.client.post(`${admin}/invariants/repair?dry-run=false`)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.client.post(`${admin}/invariants/repair`, { dryRun: false })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await api.keys()).toEqual(before);
});
