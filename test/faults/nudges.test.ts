import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repairAfterMs } from '../../src/domain/limits';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { lifecycleTypes, nudgeSignal } from '../../src/workflows/messages';
import type { InstanceReply } from '../support/client';
import { eventually } from '../support/etcd';
import { FaultStack } from './harness/fault-stack';
import { faultTaskQueue } from './harness/names';
import { Lane } from './harness/lane';
import { nothingBroken, verdict } from './harness/verdict';

let stack: FaultStack;
let etcd: EtcdClient;
let lane: Lane;

beforeAll(async () => {
  stack = await FaultStack.start({ api: 2, control: 2 });
  etcd = stack.openEtcd();
  lane = await Lane.open(stack, stack.client(), 0);
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end();
}, 120_000);

/** Later than the repairer is with what nobody attends to. */
const lateByMs = 2 * repairAfterMs;

/** Signals a lifecycle as a nudge does, starting it if it does not run: its own, or another one of the same instance. */
async function nudge(id: string, workflowId = `instance/${id}`): Promise<void> {
  await stack.engine.client.workflow.signalWithStart(lifecycleTypes.Instance, {
    workflowId,
    taskQueue: faultTaskQueue,
    args: [id],
    signal: nudgeSignal,
    signalArgs: [],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}

/** A whole life: created, stopped, started again and terminated. Answers its id when it is TERMINATED. */
async function liveWhole(whenCreated: (id: string) => Promise<void> = async () => undefined): Promise<string> {
  const id = await lane.create();
  await whenCreated(id);
  await lane.reaches(id, 'RUNNING');
  await lane.stopAndStart(id);
  await lane.end(id);
  return id;
}

/** Its phases one after the other, as its events tell them. */
async function phasesOf(id: string): Promise<string[]> {
  const { items } = await lane.api.read<{ items: ReadonlyArray<{ type: string; data: { to?: string } }> }>(`/instances/${id}/events?limit=200`);
  return items.flatMap(({ data }) => data.to ?? []).filter((phase, index, all) => phase !== all[index - 1]);
}

const wholeLife = ['SCHEDULED', 'INSTANTIATING', 'RUNNING', 'STOPPING', 'STOPPED', 'INSTANTIATING', 'RUNNING', 'STOPPING', 'TERMINATED'];

async function expectWholeLife(id: string): Promise<void> {
  expect(await phasesOf(id)).toEqual(wholeLife);
  expect(stack.runs.startsOf(id).map(({ aliveBefore }) => aliveBefore)).toEqual([undefined, undefined]);
}

test('nudges lost: with the engine out of reach of every api process, an instance goes through its life all the same', async () => {
  for (const { links } of stack.apis) links.temporal.cut();
  try {
    const id = await liveWhole();
    await expectWholeLife(id);
    await eventually('an api process says that it lost a nudge', () => saidBy('api-1').includes(`nudging instance/${id} failed`), 30_000);
  } finally {
    for (const { links } of stack.apis) links.temporal.pass();
  }
}, 240_000);

test('nudges late: they arrive when what they are about is over, and change nothing', async () => {
  for (const { links } of stack.apis) links.temporal.delay(lateByMs);
  try {
    const id = await liveWhole();
    const [run, before] = [await closedRunOf(id), await resourceVersionOf(id)];
    await lane.api.until('a nudge has come after the end', async () => (await closedRunOf(id)) !== run);
    expect(await resourceVersionOf(id)).toBe(before);
    await expectWholeLife(id);
  } finally {
    for (const { links } of stack.apis) links.temporal.delay(0);
  }
}, 240_000);

test('nudges duplicated, and a second lifecycle of the same instance beside its own: each effect happens once', async () => {
  const nudges: Promise<void>[] = [];
  const halt = new AbortController();
  const nudgeOn = async (id: string) => {
    while (!halt.signal.aborted) {
      await Promise.all([nudge(id), nudge(id), nudge(id, `duplicate/${id}`)]);
      await sleep(20);
    }
  };
  try {
    const id = await liveWhole(async (created) => {
      await nudge(created, `duplicate/${created}`);
      nudges.push(nudgeOn(created));
    });
    await expectWholeLife(id);
  } finally {
    halt.abort();
    await Promise.all(nudges);
  }
}, 240_000);

test.each(['RUNNING', 'STOPPED', 'FAILED', 'TERMINATED'] as const)('nudges of an instance that is %s and should be write nothing', async (phase) => {
  const id = await lane.bring(phase === 'TERMINATED' ? 'RUNNING' : phase);
  if (phase === 'TERMINATED') await lane.end(id);
  const before = await resourceVersionOf(id);
  const workflows = [`instance/${id}`, `duplicate/${id}`];
  await Promise.all(workflows.flatMap((workflowId) => Array.from({ length: 20 }, () => nudge(id, workflowId))));
  // Each has looked: what closes has a result, and what waits has finished its task.
  for (const workflowId of workflows) await hasLooked(workflowId, phase === 'TERMINATED');
  expect(await resourceVersionOf(id)).toBe(before);
  expect((await lane.api.read<InstanceReply>(`/instances/${id}`)).status.phase).toBe(phase);
  if (phase !== 'TERMINATED') await lane.end(id);
}, 120_000);

async function resourceVersionOf(id: string): Promise<number> {
  const { entries } = await etcd.list(`instances/${id}/`);
  return Math.max(...entries.map(({ revision }) => revision));
}

/** The newest run of its lifecycle, once that is closed. */
async function closedRunOf(id: string): Promise<string> {
  const handle = stack.engine.client.workflow.getHandle(`instance/${id}`);
  await handle.result();
  return (await handle.describe()).runId;
}

function saidBy(name: string): string {
  return readFileSync(join(stack.directory, 'logs', `${name}.log`), 'utf8');
}

/** Waits until a workflow has nothing more to do: it is closed, or no task of it is due or under way. */
async function hasLooked(workflowId: string, closes: boolean): Promise<void> {
  const handle = stack.engine.client.workflow.getHandle(workflowId);
  if (closes) {
    await handle.result();
    return;
  }
  await lane.api.until(`${workflowId} has nothing to do`, async () => {
    const { raw } = await handle.describe();
    return !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
  });
}

test('no promise was broken on the way', async () => {
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
}, 120_000);
