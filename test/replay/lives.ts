import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client as Temporal, WorkflowHandle } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { nudgesPerRunMax } from '../../src/domain/limits';
import { lifecycleId } from '../../src/engine/nudges';
import type { Stack } from '../../src/processes/stack';
import { nudgeSignal, retryUpdate } from '../../src/workflows/messages';
import type { Client, InstanceReply } from '../support/client';
import { noopComponent } from '../support/client';
import { close, run, wait } from '../workflows/support/answers';
import { ScriptedEngine } from '../workflows/support/scripted-engine';
import { untilLeft } from '../workflows/support/scripted-life';

/** What a life is lived with. */
export interface Recorder {
  readonly api: Client;
  readonly temporal: Temporal;
  readonly nativeConnection: NativeConnection;
  readonly stack: Stack;
  /** Stores the history of a run, the last one unless it is named. */
  readonly store: (name: string, workflowId: string, runId?: string) => Promise<void>;
}

const shortWait = 'timeout=60s';

/** Lives through every life, and stores the history of each; a worker's life goes around those of its instances. */
export async function liveAll(recorder: Recorder): Promise<void> {
  const { api } = recorder;
  const workerId = await api.makeWorker();
  await createdToTerminated(recorder);
  await failedAndRetried(recorder);
  await retriedByUpdate(recorder);
  await terminatedHalfWay(recorder);
  await deadline(recorder);
  await continuedAsNew(recorder);
  await audited(recorder);
  await scripted(recorder);
  await api.must('DELETE', `/workers/${workerId}?waitFor=TERMINATED&${shortWait}`);
  await ended(recorder, `worker/${workerId}`);
  await recorder.store('worker', `worker/${workerId}`);
}

async function createdToTerminated(recorder: Recorder): Promise<void> {
  const id = await createNoop(recorder);
  await arrive(recorder, id, 'RUNNING');
  await terminate(recorder, id, 'created-running-terminated');
}

/** Two attempts fail, and a third one after the retry by the API succeeds. */
async function failedAndRetried(recorder: Recorder): Promise<void> {
  const { id, mend } = await createFailing(recorder);
  mend();
  await recorder.api.must('POST', `/instances/${id}/retry?waitFor=RUNNING&${shortWait}`);
  await terminate(recorder, id, 'failed-retried');
}

/** The same, retried by the Update that people are offered in the Temporal UI; asked once in vain. */
async function retriedByUpdate(recorder: Recorder): Promise<void> {
  const { id, mend } = await createFailing(recorder);
  mend();
  const handle = lifecycleOf(recorder, id);
  await handle.executeUpdate(retryUpdate);
  await arrive(recorder, id, 'RUNNING');
  await handle.executeUpdate(retryUpdate).then(
    () => Promise.reject(new Error('a retry of a RUNNING instance was accepted')),
    () => undefined,
  );
  await terminate(recorder, id, 'retried-by-update');
}

/** Its start is a visible activity, which hears of the terminate by itself; it was nudged for something else before. */
async function terminatedHalfWay(recorder: Recorder): Promise<void> {
  const { id, handle } = await createSlow(recorder);
  await handle.signal(nudgeSignal);
  await recorder.api.until('the nudge to be heard', async () => (await eventTypes(handle)).at(-1) === 'markerRecorded');
  await terminate(recorder, id, 'terminated-half-way');
}

async function deadline(recorder: Recorder): Promise<void> {
  const { api } = recorder;
  const definition = await api.define({ components: [noopComponent], maxDuration: '2s' });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  await api.until('STOPPED', async () => (await api.instance(id)).status.phase === 'STOPPED');
  await terminate(recorder, id, 'deadline');
}

/** The nudges gather while no control process runs, which keeps the first run's history small. */
async function continuedAsNew(recorder: Recorder): Promise<void> {
  const { api, stack } = recorder;
  const id = await createNoop(recorder);
  await arrive(recorder, id, 'RUNNING');
  const handle = lifecycleOf(recorder, id);
  await handle.signal(nudgeSignal);
  const { runId } = await handle.describe();
  await stack.children.control.at(-1)!.stop();
  for (let sent = 0; sent < nudgesPerRunMax; sent += 50) await Promise.all(Array.from({ length: 50 }, () => handle.signal(nudgeSignal)));
  await stack.startControl();
  await api.until('the next run', async () => (await handle.describe()).runId !== runId, 60_000);
  await recorder.store('continued-as-new-before', `instance/${id}`, runId);
  await terminate(recorder, id, 'continued-as-new-after');
}

async function audited(recorder: Recorder): Promise<void> {
  const workflowId = 'maintenance/ledger-audit-recorded';
  await recorder.temporal.workflow.execute('auditLedger', { workflowId, taskQueue: taskQueueOfStack, args: [] });
  await recorder.store('ledger-audit', workflowId);
}

/** What real activities do not do when they are asked to: their part is played. */
async function scripted(recorder: Recorder): Promise<void> {
  const engine = await ScriptedEngine.start({ client: recorder.temporal, nativeConnection: recorder.nativeConnection });
  try {
    await leftVisibleStep(recorder, engine);
    await storesDown(recorder, engine);
  } finally {
    await engine.close();
  }
}

/** A nudge asks for another step while a visible one is in flight. */
async function leftVisibleStep({ store }: Recorder, engine: ScriptedEngine): Promise<void> {
  const life = engine.life().on('look', run('start', { visible: true }), run('remove')).on('start', untilLeft).on('remove', wait());
  await engine.nudge(life);
  await life.told(2);
  await engine.nudge(life);
  await life.told(4);
  life.on('look', close());
  await engine.nudge(life);
  await engine.handle(life).result();
  await store('visible-step-left', lifecycleId(life));
}

/** The stores are down for so long that the lifecycle sleeps between two tries, which is an event of its own. */
async function storesDown({ store }: Recorder, engine: ScriptedEngine): Promise<void> {
  const down = () => Promise.reject(new Error('etcd is down'));
  const life = engine.life().on('look', down, down, down, down, down, down, close());
  await engine.nudge(life);
  await engine.handle(life).result();
  await store('stores-down', lifecycleId(life));
}

const taskQueueOfStack = 'berth';

const listen = "require('node:net').createServer((s) => s.end()).listen(Number(process.env.PORT), process.env.ADDRESS)";

function processComponent(command: string[]): Record<string, unknown> {
  return {
    ...noopComponent,
    runtime: 'process',
    command,
    environment: { PORT: '${PORT_HTTP}', ADDRESS: '${BERTH_ADDRESS}' },
    readiness: { tcp: { port: 'http' }, interval: '50ms', timeout: '5m' },
    stop: { signal: 'SIGTERM', grace: '1s' },
  };
}

async function createNoop({ api }: Recorder): Promise<string> {
  const definition = await api.define({ components: [noopComponent] });
  return (await api.must<InstanceReply>('POST', '/instances', { definition })).id;
}

/** An instance in FAILED, and how to make its next start succeed. */
async function createFailing({ api, stack }: Recorder): Promise<{ readonly id: string; readonly mend: () => void }> {
  const gate = join(stack.logsDirectory, `gate-${Date.now()}`);
  const source = `require('node:fs').existsSync(${JSON.stringify(gate)}) || process.exit(3); ${listen}`;
  const definition = await api.define({ components: [processComponent(['node', '-e', source])] });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  await api.until('FAILED', async () => (await api.instance(id)).status.phase === 'FAILED');
  return { id, mend: () => writeFileSync(gate, '') };
}

function lifecycleOf({ temporal }: Recorder, id: string): WorkflowHandle {
  return temporal.workflow.getHandle(`instance/${id}`);
}

/** An instance whose start takes so long that it has become a visible activity. */
async function createSlow(recorder: Recorder): Promise<{ readonly id: string; readonly handle: WorkflowHandle }> {
  const { api } = recorder;
  const definition = await api.define({ components: [processComponent(['node', '-e', `setTimeout(() => ${listen}, 120_000)`])] });
  const { id } = await api.must<InstanceReply>('POST', '/instances', { definition });
  await arrive(recorder, id, 'INSTANTIATING');
  const handle = lifecycleOf(recorder, id);
  await api.until('the visible activity', async () => ((await handle.describe()).raw.pendingActivities ?? []).length > 0);
  return { id, handle };
}

async function eventTypes(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes'))!.replace('EventAttributes', ''));
}

async function arrive({ api }: Recorder, id: string, phase: string): Promise<void> {
  await api.must('GET', `/instances/${id}?waitFor=${phase}&${shortWait}`);
}

async function terminate(recorder: Recorder, id: string, name: string): Promise<void> {
  await recorder.api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&${shortWait}`);
  await ended(recorder, `instance/${id}`);
  await recorder.store(name, `instance/${id}`);
}

/** The status is TERMINATED a moment before the run has ended. */
async function ended({ temporal }: Recorder, workflowId: string): Promise<void> {
  await temporal.workflow.getHandle(workflowId).result();
}
