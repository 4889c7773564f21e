import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Client as Temporal, Connection } from '@temporalio/client';
import { findBinary } from '../../src/processes/embedded/binaries';
import { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { isHeld } from '../../src/domain/ports';
import type { WorkerPorts } from '../../src/domain/worker';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

const run = promisify(execFile);
let stack: TestStack;
let api: Client;
let etcd: EtcdClient;
let connection: Connection;
let temporal: Temporal;
let workerId: string;

beforeAll(async () => {
  stack = await startTestStack({ api: 2, control: 1 });
  api = new Client(stack.apis[0]!);
  etcd = new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix });
  connection = await Connection.connect({ address: testServers().temporal });
  temporal = new Temporal({ connection });
  workerId = await api.makeWorker({ from: 23_000, to: 23_999 });
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await connection?.close();
  await stack?.end();
}, 120_000);

/** Takes most of a second to become ready, so that a kill falls into its start. */
const slowish = {
  name: 'slowish',
  command: ['node', '-e', "setTimeout(() => require('node:net').createServer((s) => s.end()).listen(Number(process.env.PORT), process.env.ADDRESS), 700)"],
  environment: { PORT: '${PORT_TCP}', ADDRESS: '${BERTH_ADDRESS}' },
  ports: [{ name: 'tcp' }],
  resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' },
  readiness: { tcp: { port: 'tcp' }, interval: '50ms', timeout: '30s' },
  stop: { signal: 'SIGTERM', grace: '1s' },
};

interface EventReply {
  readonly items: ReadonlyArray<{ readonly sequence: number; readonly type: string }>;
}

/** Sequences without a gap, and each phase entered once: it arrived, and only once. */
async function expectArrivedOnce(id: string): Promise<void> {
  const events = await api.until('all events', async () => {
    const { items } = await api.must<EventReply>('GET', `/instances/${id}/events?limit=200`);
    return items.some(({ type }) => type === 'berth.instance.running') && items;
  });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  for (const phase of ['created', 'scheduled', 'instantiating', 'running']) {
    expect(events.filter(({ type }) => type === `berth.instance.${phase}`)).toHaveLength(1);
  }
}

test('kill -9 of control in the middle of a create: it arrives, once', async () => {
  const definition = await api.define({ components: [slowish] });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  await api.must('GET', `/instances/${id}?waitFor=INSTANTIATING&timeout=30s`);
  stack.children.control.at(-1)!.kill('SIGKILL');
  await stack.startControl();
  await api.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=60s`);
  await expectArrivedOnce(id);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
}, 240_000);

test('kill -9 of an api process in the middle of a create: asked again with its key, it arrives, once', async () => {
  const definition = await api.define({ components: [slowish] });
  const second = new Client(stack.apis[1]!);
  const headers = { 'idempotency-key': `crash-${Date.now()}` };
  const asked = second.call('POST', '/instances', { definition }, headers).catch((error: unknown) => error);
  stack.children.api[1]!.kill('SIGKILL');
  await asked;
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition }, headers);
  await api.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=60s`);
  await expectArrivedOnce(id);
  const { items } = await api.must<{ items: unknown[] }>('GET', `/instances?definition=${definition.name}`);
  expect(items).toHaveLength(1);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
  await stack.startApi(1);
}, 240_000);

test('a run that is terminated at any wait is given back by a nudge, and no effect happens twice', async () => {
  const definition = await api.define({ components: [slowish] });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  const handle = temporal.workflow.getHandle(`instance/${id}`);
  const phaseIs = (phase: string) => api.until(phase, async () => (await api.instance(id)).status.phase === phase);

  await phaseIs('INSTANTIATING');
  await handle.terminate('test: while the effect is in flight');
  await api.must('GET', `/instances/${id}?waitFor=RUNNING&timeout=60s`);
  await expectArrivedOnce(id);
  await handle.terminate('test: while it waits in RUNNING').catch(() => undefined);
  await api.must('POST', `/instances/${id}/stop?waitFor=STOPPED&timeout=30s`);
  await handle.terminate('test: while it waits in STOPPED').catch(() => undefined);
  const started = await api.must<InstanceReply>('POST', `/instances/${id}/start?waitFor=RUNNING&timeout=30s`);
  expect(started.status.attempt).toBe(2);
  await handle.terminate('test: once more').catch(() => undefined);
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
}, 240_000);

test('retry by the Temporal command line against a FAILED instance makes the same commit as the API', async () => {
  const definition = await api.define({ components: [{ ...noopComponent, runtime: 'process', command: ['no-such-command-anywhere'] }] });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  await api.until('FAILED', async () => (await api.instance(id)).status.phase === 'FAILED');
  const cli = await findBinary('temporal', { report: () => undefined });
  const update = ['workflow', 'update', 'execute', '--address', testServers().temporal, '--workflow-id', `instance/${id}`, '--name', 'retry'];
  const { stdout } = await run(cli, update);
  expect(stdout).toContain('retry accepted');
  const { items } = await api.until('the event', async () => {
    const page = await api.must<{ items: Array<{ type: string; actor: string }> }>('GET', `/instances/${id}/events?limit=200`);
    return page.items.some(({ type }) => type === 'berth.instance.retry-requested') && page;
  });
  expect(items.find(({ type }) => type === 'berth.instance.retry-requested')).toMatchObject({ actor: 'temporal-ui' });
  await api.until('the second failure', async () => (await api.instance(id)).status.attempt === 2);

  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`);
  await expect(run(cli, update)).rejects.toThrow();
}, 180_000);

test('the maintenance schedule audits the ledger: a planted wrong bit is reported', async () => {
  const running = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=30s', { definition: await api.define({ components: [noopComponent] }) });
  const right = await auditNow();
  expect(right.summary).toContain('the ledger is right');

  const key = keys.workerPorts(workerId);
  const entry = await etcd.get(key);
  const ports = entry!.value as WorkerPorts;
  const bits = Buffer.from(ports.bitmap, 'base64');
  const index = Array.from({ length: 500 }, (_, offset) => offset).find((offset) => !isHeld(ports, ports.from + offset))!;
  bits[index >> 3]! |= 1 << (index & 7);
  await etcd.raw.kv.put({ key: etcd.key(key), value: Buffer.from(JSON.stringify({ ...ports, bitmap: bits.toString('base64') })) });

  const wrong = await auditNow();
  expect(wrong.findings).toBe(1);
  expect(wrong.summary).toContain(`port ${ports.from + index} is marked as held, but by no allocation`);
  await etcd.raw.kv.put({ key: etcd.key(key), value: Buffer.from(JSON.stringify(ports)) });
  await api.must('DELETE', `/instances/${running.id}?waitFor=TERMINATED&timeout=30s`);
}, 120_000);

/** What the schedule starts, started now. */
async function auditNow(): Promise<{ findings: number; summary: string }> {
  return temporal.workflow.execute('auditLedger', { workflowId: `audit-${Date.now()}`, taskQueue: stack.taskQueue, args: [] }) as Promise<{ findings: number; summary: string }>;
}
