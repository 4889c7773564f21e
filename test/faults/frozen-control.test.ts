import type { InstanceStatus } from '../../src/domain/instance';
import type { InstancePhase } from '../../src/domain/phases';
import { keys } from '../../src/stores/etcd/keys';
import type { EtcdClient } from '../../src/stores/etcd/client';
import type { LeaderValue } from '../../src/stores/etcd/leadership';
import { eventually } from '../support/etcd';
import type { Struck } from './harness/armed-failpoints';
import { FaultStack } from './harness/fault-stack';
import { Lane } from './harness/lane';
import { nothingBroken, verdict } from './harness/verdict';

const takeOverTimeoutMs = 60_000;
let stack: FaultStack;
let etcd: EtcdClient;

beforeAll(async () => {
  stack = await FaultStack.start({ api: 1, control: 2 });
  etcd = stack.openEtcd();
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end();
}, 120_000);

/** Freezes the process that makes this commit, with the commit decided and not yet sent. */
function freezeBefore(subject: string): { frozen: () => Promise<Struck> } {
  const armed = stack.failpoints.arm({ point: 'before-commit', subject, action: 'stop' });
  return { frozen: () => armed.strikes() };
}

/**
 * Wakes a frozen process, and waits until etcd has answered the commit that it was frozen in. Answers the revision
 * before. All events are on record by then: an outbox key that is still there would refuse what the compares should.
 */
async function wake({ pid, subject }: Struck): Promise<number> {
  await eventually('all events are on record', async () => (await etcd.list(keys.outboxPrefix, 1)).entries.length === 0, 30_000);
  const before = await etcd.revision();
  const answered = stack.failpoints.arm({ point: 'after-commit', subject: `^${subject.replaceAll('.', '\\.')}$`, action: 'hold' });
  process.kill(pid, 'SIGCONT');
  expect(await answered.strikes()).toEqual({ pid, subject });
  answered.release();
  return before;
}

/** What was written below these keys after a revision. */
async function writtenAfter(revision: number, prefixes: readonly string[]): Promise<string[]> {
  await stack.recorder.upToPresent();
  const later = stack.recorder.history().revisions.filter((each) => each.revision > revision);
  return later.flatMap(({ changes }) => changes.map(({ key }) => key)).filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
}

/** Every status that an instance ever had, in order. */
async function statusesOf(id: string): Promise<InstanceStatus[]> {
  await stack.recorder.upToPresent();
  const changes = stack.recorder.history().revisions.flatMap((revision) => revision.changes);
  return changes.filter(({ key }) => key === keys.instanceStatus(id)).map((change) => (change.deleted ? undefined : change.value) as InstanceStatus);
}

/** What its phases were, one after the other. */
function phasesIn(statuses: readonly InstanceStatus[]): InstancePhase[] {
  return statuses.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
}

/** Keys that a stale commit of an instance would write to. */
function touchedBy(id: string, { workerId }: Lane): string[] {
  return [keys.instance(id), keys.workerCapacity(workerId), keys.workerPorts(workerId), keys.planEntry(workerId, ''), keys.outbox(`instances/${id}/`)];
}

describe('a control process that was frozen inside a commit, and is woken after the user stopped and restarted the instance,', () => {
  let lane: Lane;

  beforeAll(async () => {
    lane = await Lane.open(stack, stack.client(0), 0);
  }, 120_000);

  test.each([
    ['the commit that ends its start', '^instances/[^/]+/\\d+/start\\.done$'],
    ['the commit that begins its start', '^instances/[^/]+/\\d+/start\\.begin$'],
    ['the commit that places it', '^instances/[^/]+/\\d+/schedule\\.place\\.'],
  ])(
    'writes nothing: %s',
    async (_what, subject) => {
      const { frozen } = freezeBefore(subject);
      const id = await lane.create();
      const struck = await frozen();
      expect(struck.subject).toContain(id);

      await lane.api.reaches('instances', id, 'RUNNING', takeOverTimeoutMs);
      await lane.stopAndStart(id);
      const before = await wake(struck);

      expect(await writtenAfter(before, touchedBy(id, lane))).toEqual([]);
      const statuses = await statusesOf(id);
      expect(phasesIn(statuses)).toEqual(['PENDING', 'SCHEDULED', 'INSTANTIATING', 'RUNNING', 'STOPPING', 'STOPPED', 'INSTANTIATING', 'RUNNING']);
      expect(statuses.at(-1)).toMatchObject({ attempt: 2 });
      expect(stack.runs.alive.filter(({ instanceId }) => instanceId === id)).toHaveLength(1);
      await lane.end(id);
      expect(stack.runs.startsOf(id).map(({ aliveBefore }) => aliveBefore)).toEqual([undefined, undefined]);
    },
    180_000,
  );
});

test('a scheduler leader that was frozen inside a placement, and is woken when another one is in office, places nothing: its fence alone refuses it', async () => {
  const lane = await Lane.open(stack, stack.client(0), 1, '16Mi');
  // Asked for at once, either could be placed first.
  const first = await lane.create();
  await lane.reaches(first, 'RUNNING');
  const second = await lane.create();
  await lane.api.until('the second one waits', async () => JSON.stringify((await etcd.get(keys.instanceStatus(second)))?.value).includes('NoCapacity'));
  const subject = `^instances/${second}/\\d+/schedule\\.place\\.`;
  const { frozen } = freezeBefore(subject);
  await lane.act('terminate', first);
  const former = await frozen();
  // The leader after it comes to the same placement, and has to wait there: else it would be the instance that refuses.
  const held = stack.failpoints.arm({ point: 'before-commit', subject, action: 'hold' });
  const latter = await held.strikes();
  expect(latter.subject).toBe(former.subject);
  expect(latter.pid).not.toBe(former.pid);
  expect((await etcd.get(keys.leader('scheduler')))?.value).toMatchObject({ holder: expect.stringMatching(`/${latter.pid}$`) } satisfies Partial<LeaderValue>);
  const before = await wake(former);

  expect(await writtenAfter(before, touchedBy(second, lane))).toEqual([]);
  expect((await etcd.get(keys.instanceStatus(second)))?.value).toMatchObject({ phase: 'PENDING' });
  held.release();
  await lane.reaches(second, 'RUNNING');
  await lane.hasStarted(second, 1);
  await lane.end(second);
  await lane.reaches(first, 'TERMINATED');
  expect(phasesIn(await statusesOf(second))).toEqual(['PENDING', 'SCHEDULED', 'INSTANTIATING', 'RUNNING', 'STOPPING', 'TERMINATED']);
  expect(stack.runs.startsOf(second)).toHaveLength(1);
}, 360_000);

test('a process that moves events into the record, frozen before it takes them out of the outbox and woken when another one does so, takes nothing out: its fence alone refuses it', async () => {
  const lane = await Lane.open(stack, stack.client(0), 2);
  const { frozen } = freezeBefore('^trim/');
  const id = await lane.create();
  const former = await frozen();
  // The one after it records the same events, and has to wait as well: else the outbox would be empty.
  const held = stack.failpoints.arm({ point: 'before-commit', subject: '^trim/', action: 'hold' });
  const latter = await held.strikes();
  expect(latter.pid).not.toBe(former.pid);
  expect((await etcd.get(keys.leader('controller')))?.value).toMatchObject({ holder: expect.stringMatching(`/${latter.pid}$`) } satisfies Partial<LeaderValue>);
  const waiting = (await etcd.list(keys.outboxPrefix)).entries.map(({ key }) => key);
  expect(waiting.length).toBeGreaterThan(0);
  const answered = stack.failpoints.arm({ point: 'after-commit', subject: `^${former.subject}$`, action: 'hold' });
  process.kill(former.pid, 'SIGCONT');
  expect(await answered.strikes()).toEqual(former);
  answered.release();

  expect((await etcd.list(keys.outboxPrefix)).entries.map(({ key }) => key)).toEqual(expect.arrayContaining(waiting));
  held.release();
  await lane.reaches(id, 'RUNNING');
  await lane.end(id);
  await eventually('all events are on record', async () => (await etcd.list(keys.outboxPrefix, 1)).entries.length === 0, 30_000);
}, 360_000);

test('no promise was broken on the way', async () => {
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
}, 120_000);
