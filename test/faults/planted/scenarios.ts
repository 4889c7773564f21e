import { keys } from '../../../src/stores/etcd/keys';
import type { InstanceReply } from '../../support/client';
import { noopComponent } from '../../support/client';
import { eventually } from '../../support/etcd';
import type { FaultStack } from '../harness/fault-stack';
import type { SteadyClient } from '../harness/steady-client';

/** What a scenario has to play with: a fresh stack with one worker that holds a certain number of instances. */
export interface Scene {
  readonly stack: FaultStack;
  readonly api: SteadyClient;
  readonly workerId: string;
  /** What lands on that worker asks for. */
  readonly labels: Readonly<Record<string, string>>;
  /** Runs nothing, at once. */
  readonly light: { readonly name: string; readonly version: string };
  /** Real processes that tell of themselves. */
  readonly real: { readonly name: string; readonly version: string };
}

/** So many instances fit the scene's worker. */
export const sceneFits = 20;

export async function openScene(stack: FaultStack, from: number): Promise<Scene> {
  const api = stack.client();
  const labels = { scene: `scene-${from}` };
  const constraints = { labels };
  const workerId = await api.makeWorker({ memory: `${sceneFits * 16}Mi`, from, to: from + 199, labels });
  const light = await api.define({ components: [noopComponent], constraints });
  return { stack, api, workerId, labels, light, real: await api.define({ components: [stack.runs.component()], constraints }) };
}

async function create({ api, light }: Scene, definition = light): Promise<string> {
  return (await api.must<InstanceReply>('POST', '/instances', { definition })).id;
}

async function createRunning(scene: Scene, definition = scene.light): Promise<string> {
  const id = await create(scene, definition);
  await scene.api.reaches('instances', id, 'RUNNING');
  return id;
}

/** Ends instances; a build with a planted bug may never get there, and the verdict is what is asked for. */
async function end({ api }: Scene, ids: readonly string[]): Promise<void> {
  for (const id of ids) await api.must('DELETE', `/instances/${id}`);
  await Promise.allSettled(ids.map((id) => api.reaches('instances', id, 'TERMINATED', 5_000)));
}

/** The end of a start is about to be committed while the user changes what is wanted. */
export async function changedUnderACommit(scene: Scene): Promise<void> {
  const { stack, api } = scene;
  const held = stack.failpoints.arm({ point: 'before-commit', subject: '^instances/[^/]+/\\d+/start\\.done$', action: 'hold' });
  const id = await create(scene);
  await held.strikes();
  const answered = stack.failpoints.arm({ point: 'after-commit', subject: `^instances/${id}/\\d+/start\\.done$`, action: 'error' });
  await api.must('POST', `/instances/${id}/stop`);
  held.release();
  await answered.strikes();
  await end(scene, [id]);
}

/** Two control processes place onto one worker at once, each with its own memory of what is free there. */
export async function placedByTwo(scene: Scene): Promise<void> {
  const ids = await Promise.all(Array.from({ length: sceneFits }, () => create(scene)));
  await Promise.allSettled(ids.map((id) => scene.api.reaches('instances', id, 'RUNNING', 20_000)));
  await end(scene, ids);
}

/** The scheduler leader freezes in a commit, another takes office, and the first wakes up before that one has acted. */
export async function leaderSuperseded(scene: Scene): Promise<void> {
  const { stack, api } = scene;
  const ids = await Promise.all(Array.from({ length: sceneFits }, () => createRunning(scene)));
  const waiting = await create(scene);
  await api.until('it waits', async () => (await api.read<InstanceReply>(`/instances/${waiting}`)).status.conditions.some(({ type, status }) => type === 'Scheduled' && status === 'False'));
  const placing = `^instances/${waiting}/\\d+/schedule\\.place\\.`;
  const frozen = stack.failpoints.arm({ point: 'before-commit', subject: placing, action: 'stop' });
  const second = stack.failpoints.arm({ point: 'before-commit', subject: placing, action: 'hold' });
  await end(scene, ids.slice(0, 1));
  const { pid, subject } = await frozen.strikes();
  await second.strikes();
  const answered = stack.failpoints.arm({ point: 'after-commit', subject: `^${subject}$`, action: 'error' });
  process.kill(pid, 'SIGCONT');
  await answered.strikes();
  second.release();
  await end(scene, [...ids.slice(1), waiting]);
}

/** The answer to a create never comes, so the client asks again under its key. */
export async function askedAgain(scene: Scene): Promise<void> {
  const lost = scene.stack.failpoints.arm({ point: 'after-commit', subject: '^instances/[^/]+/0/create\\.', action: 'error' });
  const id = await create(scene);
  await lost.strikes();
  await end(scene, [id]);
}

/** The plainest life there is. */
export async function livedAndEnded(scene: Scene): Promise<void> {
  await end(scene, [await createRunning(scene)]);
}

/** A worker is told to go while something is about to land on it. */
export async function landedOnALeavingWorker(scene: Scene): Promise<void> {
  const { stack, api, workerId } = scene;
  const held = stack.failpoints.arm({ point: 'before-commit', subject: '^instances/[^/]+/\\d+/schedule\\.place\\.', action: 'hold' });
  const id = await create(scene);
  await held.strikes();
  await api.must('DELETE', `/workers/${workerId}`);
  held.release();
  await api.until('it has landed, or not', async () => {
    const { status } = await api.read<InstanceReply>(`/instances/${id}`);
    return status.phase !== 'PENDING' || status.conditions.some(({ type }) => type === 'Scheduled');
  });
  await end(scene, [id]);
}

/** An org is suspended while something is about to come into it. */
export async function suspendedUnderACommit(scene: Scene): Promise<void> {
  const { stack, api, labels } = scene;
  const { id: org } = await api.must<{ id: string }>('POST', '/orgs', { name: `org-${Object.values(labels).join('-')}` });
  const definition = { name: 'light', version: '1.0.0' };
  await api.must('POST', `/definitions?org=${org}`, { ...definition, components: [noopComponent], constraints: { labels } });
  const held = stack.failpoints.arm({ point: 'before-commit', subject: '^instances/[^/]+/0/create\\.', action: 'hold' });
  const asked = api.call<InstanceReply>('POST', '/instances', { definition, org });
  await held.strikes();
  await api.must('POST', `/orgs/${org}/suspend`);
  held.release();
  const { status, body } = await asked;
  await api.must('POST', `/orgs/${org}/resume`);
  if (status < 300) await end(scene, [body.id]);
}

/** An agent dies with a start done, and its next life finds what it did. */
export async function agentBornAgain(scene: Scene): Promise<void> {
  const { stack } = scene;
  const crash = stack.failpoints.arm({ point: 'agent-after-effect', subject: '/start$', action: 'crash' });
  const id = await create(scene, scene.real);
  const { pid } = await crash.strikes();
  await eventually('the agent has ended', () => !stack.agents.pids.includes(pid));
  await stack.agents.startAll();
  await scene.api.reaches('instances', id, 'RUNNING').catch(() => undefined);
  await end(scene, [id]);
}

/** Waits for the leaders to have been in office for once. */
export async function untilLed(stack: FaultStack): Promise<void> {
  const client = stack.openEtcd();
  try {
    for (const role of ['scheduler', 'controller'] as const) await eventually(`there is a ${role}`, async () => (await client.get(keys.leader(role))) !== undefined, 60_000);
  } finally {
    client.close();
  }
}
