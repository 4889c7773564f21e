import type { InstanceVerb } from '../../src/domain/admission';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import type { InstanceReply, Reply } from '../support/client';
import { Client } from '../support/client';
import { eventually } from '../support/etcd';
import type { TcpProxy } from '../support/tcp-proxy';
import type { ArmedFailpoint } from './harness/armed-failpoints';
import { FaultStack } from './harness/fault-stack';
import { Lane, requestOf } from './harness/lane';
import { nothingBroken, verdict } from './harness/verdict';

let stack: FaultStack;
let etcd: EtcdClient;
let lane: Lane;

beforeAll(async () => {
  stack = await FaultStack.start({ api: 2, control: 1 });
  etcd = stack.openEtcd();
  lane = await Lane.open(stack, stack.client(0), 0);
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await stack?.end();
}, 120_000);

/** The commit with this id has happened; its outbox key may be gone already. */
async function hasHappened(commitId: string): Promise<boolean> {
  await stack.recorder.upToPresent();
  return stack.recorder.history().revisions.some(({ changes }) => changes.some(({ key }) => key === keys.outbox(commitId)));
}

/**
 * Lets a held commit go to etcd and throws away what etcd answers, until something is so. Then the connection breaks,
 * and etcd can be reached again. Answers the commit's id.
 */
async function loseAnswer(held: ArmedFailpoint, way: TcpProxy, until: (commitId: string) => Promise<boolean> = hasHappened): Promise<string> {
  const { subject } = await held.strikes();
  way.swallowAnswers();
  held.release();
  try {
    await eventually(`etcd has ${subject}`, () => hasHappened(subject));
    await eventually(`it is time for etcd to be back after ${subject}`, () => until(subject), 30_000);
  } finally {
    way.pass();
  }
  return subject;
}

async function isTrimmed(commitId: string): Promise<boolean> {
  return (await etcd.get(keys.outbox(commitId))) === undefined;
}

interface EventPage {
  readonly items: ReadonlyArray<{ readonly type: string }>;
}

async function countOf(id: string, type: string): Promise<number> {
  const { items } = await lane.api.read<EventPage>(`/instances/${id}/events?limit=200`);
  return items.filter((event) => event.type === type).length;
}

describe("etcd's answer to an api process is lost after it has committed: the client is answered once, and right,", () => {
  type Asked = 'create' | InstanceVerb;
  const victim = 1;

  /** Asks without repeating, with a key of the client's or without. */
  function ask(what: Asked, id: string, key: string | undefined): Promise<Reply<InstanceReply>> {
    const [method, path] = what === 'create' ? (['POST', '/instances'] as const) : requestOf(what, id);
    const body = what === 'create' ? { definition: lane.definition } : undefined;
    if (key === undefined) return new Client(stack.apiProxies[victim]!.url).call(method, path, body);
    return stack.once(victim).call(method, path, body, { 'Idempotency-Key': key });
  }

  /**
   * From then on the process knows what the org holds, and asks etcd for nothing before it commits another create: the
   * answer that is lost is the commit's. The instance that it takes is ended after that, since its end changes the sum.
   */
  async function knowsTheQuota(): Promise<string> {
    return (await stack.once(victim).must<InstanceReply>('POST', '/instances', { definition: lane.definition })).id;
  }

  test.each(
    (['create', 'stop'] as const).flatMap((what) =>
      (['given', 'not given'] as const).flatMap((key) =>
        (['still in the outbox', 'on record by then'] as const).map((event) => ({ what, key, event })),
      ),
    ),
  )(
    '$what, with an idempotency key $key, its event $event',
    async ({ what, key: isGiven, event }) => {
      const id = what === 'create' ? '' : await lane.bring('RUNNING');
      const former = what === 'create' ? await knowsTheQuota() : undefined;
      const key = isGiven === 'given' ? `${what}-${event.replaceAll(' ', '-')}` : undefined;
      const subject = what === 'create' ? '^instances/[^/]+/0/create\\.' : `^instances/${id}/\\d+/${what}\\.`;
      const held = stack.failpoints.arm({ point: 'before-commit', subject, action: 'hold' });
      const asked = ask(what, id, key);
      const commitId = await loseAnswer(held, stack.apis[victim]!.links.etcd, event === 'on record by then' ? isTrimmed : hasHappened);
      const reply = await asked;
      expect(reply.status).toBe(what === 'create' ? 201 : 202);
      expect(reply.body.id).toBe(commitId.split('/')[1]);
      if (key !== undefined) {
        const again = await ask(what, id, key);
        expect([again.status, again.body.id, again.body.revision]).toEqual([reply.status, reply.body.id, reply.body.revision]);
      }
      await lane.reaches(reply.body.id, what === 'create' ? 'RUNNING' : 'STOPPED');
      await lane.hasStarted(reply.body.id, 1);
      expect(await countOf(reply.body.id, what === 'create' ? 'berth.instance.created' : `berth.instance.${what}-requested`)).toBe(1);
      await lane.end(reply.body.id);
      if (former !== undefined) await lane.end(former);
      expect(stack.runs.startsOf(reply.body.id)).toHaveLength(1);
    },
    60_000,
  );

  test('create, and etcd stays away until the api process gives up: asked again under its key, it was done once', async () => {
    const headers = { 'Idempotency-Key': 'given-up' };
    const former = await knowsTheQuota();
    const held = stack.failpoints.arm({ point: 'before-commit', subject: '^instances/[^/]+/0/create\\.', action: 'hold' });
    let isOver = false;
    const asked = stack.once(victim).call<{ code: string; retryable: boolean }>('POST', '/instances', { definition: lane.definition }, headers).finally(() => (isOver = true));
    const commitId = await loseAnswer(held, stack.apis[victim]!.links.etcd, async () => isOver);
    expect(await asked).toMatchObject({ status: 503, body: { retryable: true } });
    const again = await lane.api.call<InstanceReply>('POST', '/instances', { definition: lane.definition }, headers);
    expect(again).toMatchObject({ status: 201, body: { id: commitId.split('/')[1] } });
    await lane.reaches(again.body.id, 'RUNNING');
    await lane.end(again.body.id);
    await lane.end(former);
  }, 180_000);
});

// What begins a step reads the plan's entry before it commits, and would lose that answer.
test.each(['schedule.place', 'start.begin', 'start.done', 'stop.done', 'remove.done'])(
  "etcd's answer to a control process is lost after it has committed %s: the step goes on, and is not done again",
  async (commit) => {
    // From then on the process knows the ledger, and asks etcd for nothing before it commits.
    await lane.end(await lane.bring('RUNNING'));
    const held = stack.failpoints.arm({ point: 'before-commit', subject: `/\\d+/${commit.replace('.', '\\.')}`, action: 'hold' });
    const [id] = await Promise.all([lane.bring('STOPPED').then((stopped) => lane.end(stopped).then(() => stopped)), loseAnswer(held, stack.controls[0]!.links.etcd)]);
    for (const phase of ['scheduled', 'instantiating', 'running', 'stopped', 'terminated']) {
      expect([phase, await countOf(id, `berth.instance.${phase}`)]).toEqual([phase, 1]);
    }
    expect(stack.runs.startsOf(id)).toHaveLength(1);
  },
  90_000,
);

test('the answer of an api process is lost on its way to the client: asked again under its key, it was done once and is answered as it was', async () => {
  const headers = { 'Idempotency-Key': 'lost-on-the-way' };
  const way = stack.apiProxies[1]!;
  const held = stack.failpoints.arm({ point: 'after-commit', subject: '^instances/[^/]+/0/create\\.', action: 'hold' });
  const asked = stack.once(1).call('POST', '/instances', { definition: lane.definition }, headers).catch((error: unknown) => error);
  const { subject } = await held.strikes();
  way.swallowAnswers();
  held.release();
  await eventually('an answer was swallowed', () => way.swallowedBytes > 0);
  way.pass();
  expect(await asked).toBeInstanceOf(Error);
  for (const api of [0, 1]) {
    const again = await stack.client(api).call<InstanceReply>('POST', '/instances', { definition: lane.definition }, headers);
    expect(again).toMatchObject({ status: 201, body: { id: subject.split('/')[1] } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  }
  await lane.reaches(subject.split('/')[1]!, 'RUNNING');
  await lane.end(subject.split('/')[1]!);
}, 120_000);

test('no promise was broken on the way', async () => {
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
}, 120_000);
