import type { InstanceVerb } from '../../src/domain/admission';
import { instanceVerbs } from '../../src/domain/admission';
import type { HostStep } from '../../src/domain/instance-steps';
import { hostSteps } from '../../src/domain/instance-steps';
import type { Wanted } from '../../src/domain/plan';
import type { FailpointName } from '../../src/failpoints';
import type { InstanceReply, Reply } from '../support/client';
import { eventually } from '../support/etcd';
import { FaultStack } from './harness/fault-stack';
import type { Stage } from './harness/lane';
import { Lane, requestOf } from './harness/lane';
import { nothingBroken, verdict } from './harness/verdict';

const laneCount = 3;
let stack: FaultStack;
/** One worker of its own for each row of attacks on agents, and one for those on api processes. */
let lanes: readonly Lane[];
let apiLane: Lane;

beforeAll(async () => {
  stack = await FaultStack.start({ api: 2, control: 1 });
  // The first api process, which the agents use too, is left alone: it is the other one that answers when one is killed.
  const api = stack.client(0);
  [apiLane, ...lanes] = (await Promise.all(Array.from({ length: laneCount + 1 }, (_, number) => Lane.open(stack, api, number)))) as [Lane, ...Lane[]];
}, 360_000);

afterAll(() => stack?.end(), 60_000);

type Deed = 'create' | InstanceVerb;

interface Course {
  /** Where the instance is before; undefined where the deed makes it. */
  readonly from?: Stage;
  readonly arrivesIn: string;
  /** How often its component has been started by then, in its whole life. */
  readonly starts: number;
}

/** What may be asked of an instance; a verb that is new has no course here, and does not compile until it has one. */
const asked: Readonly<Record<Deed, Course & { readonly step: HostStep }>> = {
  create: { step: 'start', arrivesIn: 'RUNNING', starts: 1 },
  start: { step: 'start', from: 'STOPPED', arrivesIn: 'RUNNING', starts: 2 },
  stop: { step: 'stop', from: 'RUNNING', arrivesIn: 'STOPPED', starts: 1 },
  retry: { step: 'start', from: 'FAILED', arrivesIn: 'RUNNING', starts: 1 },
  terminate: { step: 'remove', from: 'RUNNING', arrivesIn: 'TERMINATED', starts: 1 },
};
const deeds = ['create', ...Object.keys(instanceVerbs)] as readonly Deed[];

/** What a lifecycle asks of a host by itself, without anybody's deed. */
const unasked: Readonly<Record<Exclude<HostStep, 'start' | 'stop' | 'remove'>, Course & { readonly act: (lane: Lane, id: string) => Promise<string> }>> = {
  restart: {
    from: 'RUNNING',
    arrivesIn: 'RUNNING',
    starts: 2,
    act: async (_lane, id) => {
      stack.runs.kill(id);
      return id;
    },
  },
  undo: { arrivesIn: 'FAILED', starts: 0, act: async (lane) => lane.create((await lane.defineFailing()).definition) },
};

type ApiPoint = Extract<FailpointName, `${string}-commit`>;
type AgentPoint = Extract<FailpointName, `agent-${string}`>;

const apiPoints: Readonly<Record<ApiPoint, { readonly isDone: boolean }>> = { 'before-commit': { isDone: false }, 'after-commit': { isDone: true } };

const effectOf = (wanted: Wanted) => (wanted === 'running' ? 'start' : wanted);
/** How a point names what the plan wants. */
const agentPoints: Readonly<Record<AgentPoint, (wanted: Wanted) => string>> = {
  'agent-before-effect': effectOf,
  'agent-after-effect': effectOf,
  'agent-after-report': (wanted) => wanted,
};

function each<A, B>(rows: readonly A[], columns: readonly B[]): ReadonlyArray<readonly [A, B]> {
  return rows.flatMap((row) => columns.map((column) => [row, column] as const));
}

async function idOf(course: Course, lane: Lane): Promise<string> {
  return course.from === undefined ? '' : lane.bring(course.from);
}

/** It is where it should be, was started as often as it should, and once everything is taken from it, no more often. */
async function expectArrived(lane: Lane, id: string, { arrivesIn, starts }: Course): Promise<void> {
  await lane.hasStarted(id, starts);
  await lane.reaches(id, arrivesIn);
  if (arrivesIn === 'RUNNING') await lane.api.until(`${id} is ready`, () => isReady(lane, id));
  await lane.end(id);
  expect(stack.runs.startsOf(id)).toHaveLength(starts);
  expect(stack.runs.startsOf(id).filter(({ aliveBefore }) => aliveBefore !== undefined)).toEqual([]);
  expect(stack.runs.alive.filter(({ instanceId }) => instanceId === id)).toEqual([]);
}

async function isReady({ api }: Lane, id: string): Promise<boolean> {
  const { conditions } = (await api.read<InstanceReply>(`/instances/${id}`)).status;
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

const apiCells = each(deeds, Object.keys(apiPoints) as ApiPoint[]);
const isCreate = ([deed]: readonly [Deed, ApiPoint]) => deed === 'create';

/** Asks an api process that is killed at the point, and then, under the same key, the other one. */
async function attackApi(deed: Deed, point: ApiPoint): Promise<void> {
  const victim = stack.apis[1]!;
  await eventually('the api process is there to be killed', () => victim.isRunning, 60_000);
  const earlier = victim.deaths.length;
  const id = await idOf(asked[deed], apiLane);
  const request = deed === 'create' ? (['POST', '/instances', { definition: apiLane.definition }] as const) : requestOf(deed, id);
  const [method, path, body] = request;
  const headers = { 'Idempotency-Key': `${deed}-${point}` };
  const subject = deed === 'create' ? '^instances/[^/]+/0/create\\.' : `^instances/${id}/\\d+/${deed}\\.`;
  const armed = stack.failpoints.arm({ point, subject, action: 'crash' });

  const cutOff = await stack.once(1).call(method, path, body, headers).catch((error: unknown) => error);
  expect(cutOff).toBeInstanceOf(Error);
  expect((await armed.strikes()).pid).toBe(victim.pid);
  const again = () => apiLane.api.call<InstanceReply>(method, path, body, headers);
  const replies: Reply<InstanceReply>[] = [await again(), await again()];

  expect(replies.map(({ status }) => status)).toEqual(deed === 'create' ? [201, 201] : [202, 202]);
  expect(replies.map(({ headers: said }) => said.get('idempotency-replayed') === 'true')).toEqual([apiPoints[point].isDone, true]);
  const [first, second] = replies.map((reply) => reply.body);
  expect([second!.id, second!.revision]).toEqual([first!.id, first!.revision]);
  if (deed !== 'create') expect(first!.id).toBe(id);
  await expectArrived(apiLane, first!.id, asked[deed]);
  await eventually('the killed api process is back', () => victim.deaths.length > earlier && victim.isRunning, 60_000);
}

// While nobody else creates anything: an instance that is not there yet has no name by which to be attacked.
test.each(apiCells.filter(isCreate))('%s: an api process killed at %s, asked again at another one, does it once and answers it once', attackApi, 120_000);

interface AgentCell {
  readonly name: string;
  readonly point: AgentPoint;
  readonly wanted: Wanted;
  readonly course: Course;
  readonly act: (lane: Lane, id: string) => Promise<string>;
}

function agentCell(name: string, point: AgentPoint): AgentCell {
  if (name in unasked) {
    const step = name as keyof typeof unasked;
    const course = unasked[step];
    return { name, point, wanted: hostSteps[step].wanted, course, act: course.act };
  }
  const deed = name as Deed;
  const act = async (lane: Lane, id: string) => {
    if (deed === 'create') return lane.create();
    await lane.act(deed, id);
    return id;
  };
  return { name, point, wanted: hostSteps[asked[deed].step].wanted, course: asked[deed], act };
}

/** Kills the agent of the lane at the point, and starts it again, as an init system would. */
async function attackAgent(lane: Lane, { point, wanted, course, act }: AgentCell): Promise<void> {
  const prepared = await idOf(course, lane);
  const agent = lane.agentPid!;
  // It stands still until what is new to it has a name by which to be attacked.
  process.kill(agent, 'SIGSTOP');
  const id = await act(lane, prepared);
  const armed = stack.failpoints.arm({ point, subject: `^instances/${id}/\\d+/${agentPoints[point](wanted)}$`, action: 'crash' });
  process.kill(agent, 'SIGCONT');
  expect((await armed.strikes()).pid).toBe(agent);
  await eventually(`agent ${agent} has ended`, () => lane.agentPid === undefined);
  await stack.agents.startAll();
  await expectArrived(lane, id, course);
}

describe('while agents are killed as well', () => {
  const cells = each([...deeds, ...Object.keys(unasked)], Object.keys(agentPoints) as AgentPoint[]).map(([name, point]) => agentCell(name, point));
  const attacks = new Map<AgentCell, Promise<void>>();

  beforeAll(() => {
    const last = lanes.map(() => Promise.resolve());
    cells.forEach((cell, index) => {
      const lane = index % laneCount;
      const attack = last[lane]!.then(() => attackAgent(lanes[lane]!, cell));
      attacks.set(cell, attack);
      // Its own test hears how it failed; the next one goes on.
      last[lane] = attack.catch(() => undefined);
    });
  });

  test.each(apiCells.filter((cell) => !isCreate(cell)))(
    '%s: an api process killed at %s, asked again at another one, does it once and answers it once',
    attackApi,
    120_000,
  );

  test.each(cells)(
    '$name: an agent killed at $point brings the instance where it should be, once',
    (cell) => attacks.get(cell),
    240_000,
  );
});

test.each(['before-commit', 'after-commit'] as const)('a projector that is killed at %s of its trimming: each event is on record once', async (point) => {
  const armed = stack.failpoints.arm({ point, subject: '^trim/', action: 'crash' });
  await stack.client().define({ components: [stack.runs.component()] });
  await armed.strikes();
}, 240_000);

test('no promise was broken on the way', async () => {
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
}, 120_000);
