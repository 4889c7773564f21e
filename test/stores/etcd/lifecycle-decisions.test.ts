import { viewOf, workerViewOf } from '../../../src/stores/etcd/views';
import type { Allocation } from '../../../src/domain/instance';
import type { InstanceChange } from '../../../src/domain/instance-changes';
import { begin, complete, scheduled } from '../../../src/domain/instance-changes';
import { heldPorts } from '../../../src/domain/ports';
import { beginDestroy, beginProvision, destroyed, provisioned } from '../../../src/domain/worker-changes';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { Decision, OutboxValue } from '../../../src/stores/etcd/commit';
import { Committer } from '../../../src/stores/etcd/committer';
import { createDecision, workerSpecDecision } from '../../../src/stores/etcd/decisions';
import { ValueNewerError } from '../../../src/stores/etcd/errors';
import { keys } from '../../../src/stores/etcd/keys';
import type { LifecycleCommit } from '../../../src/stores/etcd/lifecycle-decisions';
import { instanceDecision, workerDecision } from '../../../src/stores/etcd/lifecycle-decisions';
import { FreshObjects } from '../../../src/stores/etcd/objects';
import { allocationOf, newInstance, newWorker, startMs } from '../../support/domain-objects';
import { closeClients, openClient } from '../../support/etcd';

const moment = { nowMs: startMs, operationId: 'op-1' };

let client: EtcdClient;
let committer: Committer;
let fresh: FreshObjects;

beforeEach(async () => {
  client = openClient();
  committer = new Committer(client, () => 1);
  fresh = new FreshObjects(client);
  const { spec, status } = newWorker('w-1');
  await committer.commit(createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.worker.created' }));
  await workerStep('provision.begin', (view) => beginProvision(view, { externalId: 'host-1', agentTokenHash: 'secret-hash' }, moment));
  await workerStep('provision.complete', (view) => provisioned(view, {}, moment));
});

afterEach(closeClients);

async function workerStep(name: string, change: (view: ReturnType<typeof workerViewOf>) => ReturnType<typeof provisioned>) {
  const entries = await fresh.worker('w-1');
  const [step, outcome] = name.split('.') as [string, string];
  return committer.commit(workerDecision(entries, change(workerViewOf(entries)), { step, outcome, actor: 'lifecycle' }));
}

async function createInstance(id: string): Promise<void> {
  const { spec, status } = newInstance({}, id);
  await committer.commit(createDecision({ header: spec, puts: { spec, state: status }, eventType: 'berth.instance.created' }));
}

async function decide(id: string, change: (view: ReturnType<typeof viewOf>) => InstanceChange, commit: Partial<LifecycleCommit> = {}) {
  const entries = await fresh.instance(id);
  return instanceDecision(entries, change(viewOf(entries)), { step: 'test', outcome: 'complete', actor: 'lifecycle', ...commit });
}

async function place(id: string, ...ports: readonly number[]) {
  const worker = await fresh.worker('w-1');
  const entries = await fresh.instance(id);
  const allocation: Allocation = { ...allocationOf(viewOf(entries), `a-${id}`), ports: Object.fromEntries(ports.map((port, index) => [`p${index}`, port])) };
  return decide(id, (view) => scheduled(view, allocation, moment), { step: 'schedule', worker });
}

async function ledger(): Promise<{ instances?: number; memoryMib?: number; ports: number[] }> {
  const { capacity, ports } = await fresh.worker('w-1');
  return { instances: capacity?.value.instances, memoryMib: capacity?.value.allocated.memoryMib, ports: ports ? heldPorts(ports.value) : [] };
}

describe('a placement', () => {
  it('is in allocation, capacity, ports and status at one revision', async () => {
    await createInstance('i-1');
    const outcome = await committer.commit(await place('i-1', 2000, 2001));
    const [{ status, allocation }, { capacity, ports }] = [await fresh.instance('i-1'), await fresh.worker('w-1')];
    expect([status, allocation, capacity, ports].map((entry) => entry?.revision)).toEqual(Array.from({ length: 4 }, () => outcome.kind === 'done' && outcome.revision));
    expect(await ledger()).toEqual({ instances: 1, memoryMib: 64, ports: [2000, 2001] });
  });

  it('of twenty instances that want the same port, from two processes, succeeds once', async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `i-${index}`);
    await Promise.all(ids.map(createInstance));
    const decisions = await Promise.all(ids.map((id) => place(id, 2050)));
    const other = new Committer(openClient({ prefix: client.prefix }), () => 1);
    const outcomes = await Promise.all(decisions.map((decision, index) => (index % 2 === 0 ? committer : other).commit(decision)));
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.kind === 'refused' && outcome.refusal.code === 'PortsTaken')).toHaveLength(19);
    expect(await ledger()).toEqual({ instances: 1, memoryMib: 64, ports: [2050] });
  });

  it('lands nowhere from the revision on at which its worker was closed', async () => {
    await createInstance('i-1');
    const decision = await place('i-1', 2000);
    const worker = await fresh.worker('w-1');
    await committer.commit(workerSpecDecision(worker, { ...worker.spec.value, intent: 'terminated', generation: 2 }, 'terminate'));
    expect(await committer.commit(decision)).toEqual({ kind: 'changed', keys: [keys.workerSpec('w-1')] });
    expect(await ledger()).toEqual({ instances: 0, memoryMib: 0, ports: [] });
  });

  it('by a leader that was superseded is refused', async () => {
    await createInstance('i-1');
    const decision = await place('i-1', 2000);
    const fence = { key: keys.leader('scheduler'), revision: 1 };
    expect(await committer.commit({ ...decision, compares: [...decision.compares, fence] })).toEqual({ kind: 'changed', keys: [fence.key] });
  });
});

describe('a release', () => {
  async function running(): Promise<void> {
    await createInstance('i-1');
    await committer.commit(await place('i-1', 2000));
    await committer.commit(await decide('i-1', (view) => begin('start', view, moment), { step: 'start', outcome: 'begin', workloadHash: 'hash' }));
  }
  const terminate = () => decide('i-1', (view) => complete('remove', view, moment), { step: 'remove' });

  it('takes allocation, observation and plan entry away, and gives back what was held', async () => {
    await running();
    expect((await fresh.worker('w-1')).plan.get('a-i-1')?.value).toMatchObject({ wanted: 'running', attempt: 1, workloadHash: 'hash' });
    await client.raw.kv.put({ key: client.key(keys.instanceObserved('i-1')), value: Buffer.from('{}') });
    await committer.commit(await terminate());
    const { allocation, observed, status } = await fresh.instance('i-1');
    expect([allocation, observed]).toEqual([undefined, undefined]);
    expect(status.value.phase).toBe('TERMINATED');
    expect((await fresh.worker('w-1')).plan.size).toBe(0);
    expect(await ledger()).toEqual({ instances: 0, memoryMib: 0, ports: [] });
  });

  it('happens once, however often and by whomever it is decided', async () => {
    await running();
    const decision = await terminate();
    const twin = { ...decision, id: `${decision.id}-by-another` };
    const other = new Committer(openClient({ prefix: client.prefix }), () => 1);
    const outcomes = await Promise.all([committer.commit(decision), other.commit(decision), committer.commit(decision), other.commit(twin)]);
    expect(outcomes.filter((outcome) => outcome.kind === 'done' && !outcome.repeated)).toHaveLength(1);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toEqual([]);
    expect(await ledger()).toEqual({ instances: 0, memoryMib: 0, ports: [] });
  });

  it('that the ledger contradicts is refused with what is wrong, and changes nothing', async () => {
    await running();
    await client.raw.kv.deleteRange({ key: client.key(keys.workerPorts('w-1')) });
    expect(await committer.commit(await terminate())).toEqual({ kind: 'refused', refusal: { code: 'LedgerMissing', message: 'workers/w-1/ports does not exist' } });
    expect((await fresh.instance('i-1')).status.value.phase).toBe('INSTANTIATING');
    expect((await ledger()).instances).toBe(1);
  });
});

describe('what a newer program wrote', () => {
  /** As a newer program would have: of the next version, with a field that is not known here. */
  async function rewritten(key: string) {
    const value = { ...((await client.get(key))?.value as object), schemaVersion: 2, addedByNewer: true };
    await client.raw.kv.put({ key: client.key(key), value: Buffer.from(JSON.stringify(value)) });
  }
  const start = (id: string) => decide(id, (view) => begin('start', view, moment), { step: 'start', outcome: 'begin', workloadHash: 'hash' });
  const stop = (id: string) => decide(id, (view) => begin('stop', view, moment), { step: 'stop', outcome: 'begin' });
  const remove = (id: string) => decide(id, (view) => complete('remove', view, moment), { step: 'remove' });

  it.each<[what: string, key: string, step: (id: string) => Promise<Decision>]>([
    ['status is not overwritten by the next one', keys.instanceStatus('i-1'), stop],
    ['plan entry is not overwritten by one that is made from scratch', keys.planEntry('w-1', 'a-i-1'), stop],
    ['allocation is not released: what it holds is not known', keys.instanceAllocation('i-1'), remove],
    ['ledger of capacity is not written', keys.workerCapacity('w-1'), remove],
    ['ledger of ports is not written', keys.workerPorts('w-1'), remove],
  ])('%s', async (_what, key, step) => {
    for (const id of ['i-1', 'i-2']) {
      await createInstance(id);
      await committer.commit(await place(id, id === 'i-1' ? 2000 : 2001));
      await committer.commit(await start(id));
    }
    await rewritten(key);
    const before = await client.list('');
    await expect(committer.commit(await step('i-1'))).rejects.toThrow(new ValueNewerError(key, 2, 1));
    expect((await client.list('')).entries).toEqual(before.entries);
    expect(await committer.commit(await stop('i-2'))).toMatchObject({ kind: 'done' });
  });

  it('of a worker is not taken away with its end', async () => {
    await workerStep('destroy.begin', (view) => beginDestroy(view, moment));
    await rewritten(keys.workerCapacity('w-1'));
    await expect(workerStep('destroy.complete', (view) => destroyed(view, moment))).rejects.toThrow(ValueNewerError);
    expect((await fresh.worker('w-1')).capacity?.value).toMatchObject({ schemaVersion: 2, addedByNewer: true });
  });
});

describe('a worker\'s ledger', () => {
  it('is opened with the first RUNNING, and closed with the end, unless somebody has come in between', async () => {
    expect(await ledger()).toEqual({ instances: 0, memoryMib: 0, ports: [] });
    await workerStep('destroy.begin', (view) => beginDestroy(view, moment));
    const entries = await fresh.worker('w-1');
    const end = workerDecision(entries, destroyed(workerViewOf(entries), moment), { step: 'destroy', outcome: 'complete', actor: 'lifecycle' });
    await client.raw.kv.put({ key: client.key(keys.workerCapacity('w-1')), value: Buffer.from(JSON.stringify(entries.capacity!.value)) });
    expect(await committer.commit(end)).toEqual({ kind: 'changed', keys: [keys.workerCapacity('w-1')] });
    expect(await workerStep('destroy.complete', (view) => destroyed(view, moment))).toMatchObject({ kind: 'done' });
    const { capacity, ports, status } = await fresh.worker('w-1');
    expect([capacity, ports, status.value.phase]).toEqual([undefined, undefined, 'TERMINATED']);
  });
});

it('the events of an object are numbered without a gap, whoever writes them, and hold no hash of a credential', async () => {
  await createInstance('i-1');
  await committer.commit(await place('i-1', 2000));
  await committer.commit(await decide('i-1', (view) => begin('start', view, moment), { step: 'start', outcome: 'begin', workloadHash: 'hash' }));
  const { entries } = await client.list(keys.outboxPrefix);
  const events = entries.flatMap(({ value }) => (value as OutboxValue).events);
  for (const subject of ['i-1', 'w-1']) {
    const sequences = events.filter((event) => event.subject === subject).map(({ sequence }) => sequence);
    expect(sequences).toEqual([1, 2, 3]);
  }
  expect(JSON.stringify(events)).not.toContain('secret-hash');
});
