import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

let stack: TestStack;
let api: Client;
let workerId: string;

beforeAll(async () => {
  stack = await startTestStack();
  api = new Client(stack.apis[0]!);
  workerId = await api.makeWorker({ from: 22_000, to: 22_999 });
}, 240_000);

afterAll(async () => {
  await stack?.end();
}, 120_000);

const resources = { cpu: '10m', memory: '16Mi', storage: '1Mi' };

const listen = "require('node:net').createServer((s) => s.end()).listen(Number(process.env.PORT), process.env.ADDRESS)";

/** A process that listens on its port after `delayMs`, so that a start can be caught half-way. */
function slowServer(delayMs: number) {
  const source = `setTimeout(() => ${listen}, ${delayMs})`;
  return {
    name: 'slow',
    command: ['node', '-e', source],
    environment: { PORT: '${PORT_TCP}', ADDRESS: '${BERTH_ADDRESS}' },
    ports: [{ name: 'tcp' }],
    resources,
    readiness: { tcp: { port: 'tcp' }, interval: '50ms', timeout: '60s' },
    stop: { signal: 'SIGTERM', grace: '1s' },
  };
}

async function create(definition: { name: string; version: string }, body: Record<string, unknown> = {}): Promise<InstanceReply> {
  return api.must<InstanceReply>('POST', '/instances', { definition, ...body });
}

async function held(): Promise<{ instances: number; memoryMib: number }> {
  const capacity = await api.must<{ instances: number; allocated: { memoryMib: number } }>('GET', `/workers/${workerId}/capacity`);
  return { instances: capacity.instances, memoryMib: capacity.allocated.memoryMib };
}

async function expectReleased(id: string): Promise<void> {
  const instance = await api.instance(id);
  expect(instance).toMatchObject({ status: { phase: 'TERMINATED' } });
  expect(instance.ports).toBeUndefined();
  expect(await held()).toEqual({ instances: 0, memoryMib: 0 });
}

test('create, stop, start and terminate: the ports stay its own until the end', async () => {
  const definition = await api.define({ components: [slowServer(0)] });
  const { id } = await create(definition);
  const running = await api.must<InstanceReply>('GET', `/instances/${id}?waitFor=RUNNING&timeout=30s`);
  expect(running.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True', reason: 'AllComponentsReady' }));
  const stopped = await api.must<InstanceReply>('POST', `/instances/${id}/stop?waitFor=STOPPED&timeout=30s`);
  expect(stopped.ports).toEqual(running.ports);
  const again = await api.must<InstanceReply>('POST', `/instances/${id}/start?waitFor=RUNNING&timeout=30s`);
  expect(again.ports).toEqual(running.ports);
  expect(again.status.attempt).toBe(running.status.attempt + 1);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
  await expectReleased(id);
}, 120_000);

test('terminate half-way through a slow start is heard at once', async () => {
  const definition = await api.define({ components: [slowServer(55_000)] });
  const { id } = await create(definition);
  await api.must('GET', `/instances/${id}?waitFor=INSTANTIATING&timeout=30s`);
  // Past the time that the fast path waits, so that the start has become a visible activity.
  await api.until('the visible activity', async () => (await api.instance(id)).status.phase === 'INSTANTIATING' && (await pendingActivities(id)) > 0);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=20s`);
  await expectReleased(id);
}, 180_000);

test.each(['PENDING', 'SCHEDULED', 'INSTANTIATING', 'RUNNING', 'STOPPING', 'STOPPED', 'FAILED'])(
  'terminate sent in %s arrives at TERMINATED with everything released',
  async (phase) => {
    const definition = await definitionFor(phase);
    const { id } = await create(definition);
    await bringTo(id, phase);
    await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
    await expectReleased(id);
  },
  90_000,
);

async function definitionFor(phase: string): Promise<{ name: string; version: string }> {
  if (phase === 'PENDING') return api.define({ components: [noopComponent], constraints: { labels: { nowhere: 'yes' } } });
  if (phase === 'FAILED') return api.define({ components: [{ ...noopComponent, runtime: 'process', command: ['false'] }] });
  // A component that ignores its stop signal keeps the instance in STOPPING for the whole grace.
  if (phase === 'STOPPING') {
    const stubborn = `process.on('SIGTERM', () => undefined); ${listen}`;
    return api.define({ components: [{ ...slowServer(0), command: ['node', '-e', stubborn], stop: { signal: 'SIGTERM', grace: '3s' } }] });
  }
  return api.define({ components: [slowServer(phase === 'INSTANTIATING' ? 3_000 : 0)] });
}

async function bringTo(id: string, phase: string): Promise<void> {
  if (phase === 'SCHEDULED') return; // Sent as early as possible: it is PENDING or SCHEDULED when it is heard.
  if (phase === 'PENDING') return void (await api.until('the queue', async () => (await api.instance(id)).status.conditions.some(({ type }) => type === 'Scheduled')));
  if (phase === 'STOPPING' || phase === 'STOPPED') {
    await api.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=30s`);
    await api.must('POST', `/instances/${id}/stop`);
  }
  await api.until(phase, async () => (await api.instance(id)).status.phase === phase);
}

test('a failing start is tried as often as the definition says, parks in FAILED holding nothing, and retry mends it', async () => {
  const gate = join(mkdtempSync(join(tmpdir(), 'berth-gate-')), 'open');
  const definition = await api.define({
    components: [{ ...slowServer(0), command: ['node', '-e', `require('node:fs').existsSync(${JSON.stringify(gate)}) || process.exit(3); ${listen}`] }],
  });
  const { id } = await create(definition);
  const reply = await api.call<{ code: string }>('GET', `/instances/${id}?waitFor=RUNNING&timeout=30s`);
  expect(reply).toMatchObject({ status: 409, body: { code: 'wait_impossible' } });
  const failed = await api.instance(id);
  expect(failed.status).toMatchObject({ phase: 'FAILED', attempt: 2, lastFailure: { step: 'start', reason: 'ExitedEarly', class: 'transient', retryCount: 2 } });
  expect(failed.ports).toBeUndefined();
  expect(await held()).toEqual({ instances: 0, memoryMib: 0 });

  writeFileSync(gate, '');
  await api.must('POST', `/instances/${id}/retry?waitFor=RUNNING&timeout=30s`);
  expect((await api.instance(id)).status.attempt).toBe(3);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
}, 180_000);

test('a component that dies while running is restarted; one that keeps dying ends in FAILED', async () => {
  const crashing = `require('node:net').createServer((s) => { s.end(); process.exit(7); }).listen(Number(process.env.PORT), process.env.ADDRESS)`;
  const { readiness: _none, ...component } = slowServer(0);
  const definition = await api.define({ components: [{ ...component, command: ['node', '-e', crashing] }] });
  const { id } = await create(definition);
  const running = await api.must<InstanceReply>('GET', `/instances/${id}?waitFor=RUNNING&timeout=30s`);
  const port = running.ports!['tcp']!;
  // Without a readiness probe RUNNING comes before the socket is open.
  await api.until('the first crash', () => poke(port).then(() => true, () => false));
  const restarted = await api.until('the restart', async () => {
    const now = await api.instance(id);
    return now.status.attempt === 2 && now.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') && now;
  });
  expect(restarted.status.phase).toBe('RUNNING');
  await api.until('FAILED', async () => {
    await poke(port).catch(() => undefined);
    return (await api.instance(id)).status.phase === 'FAILED';
  });
  expect((await api.instance(id)).status.lastFailure).toMatchObject({ reason: 'ComponentExited' });
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
}, 180_000);

test('maxDuration ends it in STOPPED with the reason; a later start runs again', async () => {
  const definition = await api.define({ components: [noopComponent], maxDuration: '2s' });
  const { id } = await create(definition);
  await api.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=30s`);
  const stopped = await api.until('STOPPED', async () => {
    const now = await api.instance(id);
    return now.status.phase === 'STOPPED' && now;
  });
  expect(stopped).toMatchObject({ spec: { intent: 'running' }, status: { halted: { reason: 'MaxDurationReached' } } });
  await api.must('POST', `/instances/${id}/start?waitFor=RUNNING&timeout=30s`);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
}, 120_000);

async function poke(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    connect({ host: '127.0.0.1', port }).once('error', reject).once('close', () => resolve()).resume();
  });
}

async function pendingActivities(id: string): Promise<number> {
  const connection = await Connection.connect({ address: stack.servers.temporal });
  try {
    const described = await connection.workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId: `instance/${id}` } });
    return described.pendingActivities?.length ?? 0;
  } finally {
    await connection.close();
  }
}
