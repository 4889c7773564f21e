import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ledgerAuditScheduleId } from '../../src/engine/schedules';
import { noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { FaultStack } from './harness/fault-stack';
import type { SteadyClient } from './harness/steady-client';
import { nothingBroken, verdict } from './harness/verdict';

interface Shown extends InstanceReply {
  readonly status: InstanceReply['status'] & {
    readonly deadlineAt?: string;
    readonly lastReconcileTime: string;
    readonly currentOperation?: { readonly step: string; readonly state: string; readonly attempt: number; readonly notBefore?: string };
  };
}

let stack: FaultStack;
let api: SteadyClient;
let failed = true;

beforeEach(async () => {
  stack = await FaultStack.start();
  api = stack.client();
}, 240_000);

afterEach(async () => {
  await stack?.end(failed);
  failed = true;
}, 120_000);

test("Temporal's database deleted while 20 instances run: lifecycles start afresh and carry on, nothing on a host is touched, deadlines are kept", async () => {
  await api.makeWorker({ from: 31_000, to: 31_499, labels: { pool: 'wide' } });
  await api.makeWorker({ memory: '16Mi', from: 31_500, to: 31_599, labels: { pool: 'narrow' } });
  const define = (document: Record<string, unknown>) => api.define({ constraints: { labels: { pool: 'wide' } }, ...document });
  const recorded = await define({ components: [stack.runs.component()], retry: once });
  const noop = await define({ components: [noopComponent] });
  const slow = await define({ components: [gated('slow', 'while [ ! -e "$GATE" ]; do sleep 0.1; done')] });
  const flaky = await define({ components: [gated('flaky', '[ -e "$GATE" ] || exit 1')], retry: { maxAttempts: 2, initialBackoff: '20s', maxBackoff: '20s' } });
  const narrow = await define({ components: [noopComponent], constraints: { labels: { pool: 'narrow' } } });

  const running = await create(...Array.from({ length: 19 }, (_, n) => ({ definition: n % 2 === 0 ? recorded : noop })), { definition: narrow });
  const [stopped, failing] = (await create({ definition: recorded }, { definition: recorded })) as [string, string];
  await all([...running, stopped, failing], 'RUNNING');
  const holder = running.at(-1)!;
  const [waiting, starting, backingOff] = (await create({ definition: narrow }, { definition: slow }, { definition: flaky })) as [string, string, string];
  await Promise.all([act('stop', stopped), act('stop', failing)]);
  await all([stopped, failing], 'STOPPED');
  stack.runs.failsFor(failing, true);
  await act('start', failing);
  await all([failing], 'FAILED');
  stack.runs.failsFor(failing, false);
  await api.until('one waits for room', async () => (await show(waiting)).status.conditions.some(({ type, status }) => type === 'Scheduled' && status === 'False'));
  await api.until('one is starting', async () => (await operation(starting)) === 'start acting');
  await api.until('one is backing off', async () => (await operation(backingOff)) === 'start backoff');
  const agents = stack.agents.pids;
  const provisioning = stack.failpoints.arm({ point: 'before-commit', subject: '^workers/.*/provision.complete', action: 'hold' });
  const halfMade = await newWorker();
  await provisioning.strikes();
  // One deadline passes while nobody is there to keep it, the other when the engine is back.
  const [early, late] = (await create({ definition: recorded, maxDuration: '3s' }, { definition: noop, maxDuration: '25s' })) as [string, string];
  await all([early, late], 'RUNNING');
  const before = { starts: stack.runs.starts, alive: stack.runs.alive, agents };
  const { notBefore } = (await show(backingOff)).status.currentOperation!;

  openGate('flaky'); // Its next try will succeed, but is not due yet.
  await stack.servers.temporal.kill();
  deleteEngineDatabase();
  await api.until('the first deadline has passed', async () => Date.now() > Date.parse((await show(early)).status.deadlineAt!));
  await stack.servers.temporal.startAgain();

  const alive = [...running, stopped, failing, waiting, starting, backingOff, early, late];
  await untilEngineRemembers([...alive.map((id) => `instance/${id}`), `worker/${halfMade}`]);
  provisioning.release();
  await api.reaches('workers', halfMade, 'RUNNING');
  for (const id of [early, late]) {
    const { status } = await reached(id, 'STOPPED');
    expect(status.halted?.reason).toBe('MaxDurationReached');
    expect(Date.parse(status.lastReconcileTime)).toBeGreaterThanOrEqual(Date.parse(status.deadlineAt!));
  }
  expect(stack.runs.starts).toEqual(before.starts);
  expect(stack.runs.alive).toEqual(before.alive.filter(({ instanceId }) => instanceId !== early));
  expect(stack.agents.pids).toEqual(expect.arrayContaining([...before.agents]));
  await all(running, 'RUNNING');
  const { client } = stack.engine;
  await api.until('operators find them by phase', async () => (await client.workflow.count("WorkflowType = 'instance' AND BerthPhase = 'RUNNING'")).count >= running.length);

  openGate('slow');
  await all([starting], 'RUNNING');
  const recovered = await reached(backingOff, 'RUNNING');
  expect(recovered.status.attempt).toBe(2);
  expect(Date.parse(recovered.status.lastReconcileTime)).toBeGreaterThanOrEqual(Date.parse(notBefore!));
  await Promise.all([act('start', stopped), act('retry', failing), act('stop', running[0]!)]);
  await all([stopped, failing], 'RUNNING');
  await all([running[0]!], 'STOPPED');
  await act('terminate', holder);
  await all([waiting], 'RUNNING');
  await terminateAll(alive);
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
  failed = false;
}, 600_000);

test('an engine that was lost while no control process ran is recognised by the first one to come, which prepares it for nobody but itself', async () => {
  await api.makeWorker({ from: 31_000, to: 31_499 });
  const definition = await api.define({ components: [stack.runs.component()] });
  const running = await create({ definition }, { definition }, { definition, maxDuration: '10s' });
  await all(running, 'RUNNING');
  const { starts } = stack.runs;

  await Promise.all(stack.controls.map((control) => control.stop()));
  await stack.servers.temporal.kill();
  deleteEngineDatabase();
  await stack.servers.temporal.startAgain();
  await Promise.all(stack.controls.map((control) => control.start()));

  await untilEngineRemembers(running.map((id) => `instance/${id}`));
  await all([running[2]!], 'STOPPED');
  expect(stack.runs.starts).toEqual(starts);
  await terminateAll(running);
  expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
  failed = false;
}, 360_000);

const once = { maxAttempts: 1, initialBackoff: '100ms', maxBackoff: '100ms' };

/** Runs `before`, which may wait for its gate, and only then listens. */
function gated(gate: string, before: string): Record<string, unknown> {
  const listen = "require('node:net').createServer((socket) => socket.end()).listen(Number(process.env.PORT), process.env.ADDRESS)";
  return {
    name: 'main',
    command: ['sh', '-c', `${before}; exec node -e "${listen}"`],
    environment: { GATE: gatePath(gate), PORT: '${PORT_TCP}', ADDRESS: '${BERTH_ADDRESS}' },
    ports: [{ name: 'tcp' }],
    resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' },
    readiness: { tcp: { port: 'tcp' }, interval: '50ms', timeout: '60s' },
    stop: { signal: 'SIGTERM', grace: '1s' },
  };
}

function gatePath(gate: string): string {
  return join(stack.directory, `gate-${gate}`);
}

function openGate(gate: string): void {
  writeFileSync(gatePath(gate), '');
}

async function create(...requests: ReadonlyArray<Record<string, unknown>>): Promise<string[]> {
  const made = await Promise.all(requests.map((request) => api.must<InstanceReply>('POST', '/instances', request)));
  return made.map(({ id }) => id);
}

function show(id: string): Promise<Shown> {
  return api.read<Shown>(`/instances/${id}`);
}

async function reached(id: string, phase: string): Promise<Shown> {
  await api.reaches('instances', id, phase);
  return show(id);
}

async function all(ids: readonly string[], phase: string): Promise<void> {
  await Promise.all(ids.map((id) => api.reaches('instances', id, phase)));
}

async function operation(id: string): Promise<string> {
  const { currentOperation } = (await show(id)).status;
  return `${currentOperation?.step} ${currentOperation?.state}`;
}

async function act(verb: 'start' | 'stop' | 'retry' | 'terminate', id: string): Promise<void> {
  await (verb === 'terminate' ? api.must('DELETE', `/instances/${id}`) : api.must('POST', `/instances/${id}/${verb}`));
}

async function terminateAll(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => act('terminate', id)));
  await all(ids, 'TERMINATED');
}

/** Asked for, and not waited for. */
async function newWorker(): Promise<string> {
  const name = 'half-made';
  const capacity = { cpu: 1, memory: '1Gi', storage: '1Gi' };
  await api.must('POST', '/worker-templates', { name, description: '', provider: 'local', capacity, portRange: { from: 31_600, to: 31_699 }, labels: { pool: 'none' } });
  return (await api.must<{ id: string }>('POST', '/workers', { template: name })).id;
}

/** The file and what SQLite keeps beside it. */
function deleteEngineDatabase(): void {
  for (const name of readdirSync(stack.directory)) if (name.startsWith('temporal.db')) rmSync(join(stack.directory, name));
}

/** Each of these has an open run again, and so has maintenance its schedule. */
async function untilEngineRemembers(workflowIds: readonly string[]): Promise<void> {
  const { workflow, schedule } = stack.engine.client;
  const isThere = (description: Promise<unknown>) => description.then(() => true, () => false);
  const isOpen = (workflowId: string) => workflow.getHandle(workflowId).describe().then(({ status }) => status.name === 'RUNNING', () => false);
  let missing: readonly string[] = workflowIds;
  await api.until('every lifecycle runs again', async () => {
    const open = await Promise.all(missing.map(isOpen));
    missing = missing.filter((_, position) => !open[position]);
    return missing.length === 0;
  }).catch((cause: unknown) => {
    throw new Error(`without a lifecycle: ${missing.join(', ')}`, { cause });
  });
  await api.until('the maintenance schedule is back', () => isThere(schedule.getHandle(ledgerAuditScheduleId).describe()));
}
