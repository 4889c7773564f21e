import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client as TemporalClient, WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { nudgesPerRunMax } from '../../src/domain/limits';
import type { Stack } from '../../src/processes/stack';
import { nudgeSignal, retryUpdate } from '../../src/workflows/messages';
import type { Client, InstanceReply } from '../support/client';
import { noopComponent } from '../support/client';

/** What a life is lived with. */
export interface Recorder {
  readonly api: Client;
  readonly temporal: TemporalClient;
  readonly stack: Stack;
  /** Stores the history of a run, the last one unless it is named. */
  store(name: string, workflowId: string, runId?: string): Promise<void>;
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
  await terminatedWhilePaused(recorder);
  await deadline(recorder);
  await continuedAsNew(recorder);
  await audited(recorder);
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

/** An operator has paused the visible activity, so that the lifecycle leaves it when terminate comes. */
async function terminatedWhilePaused(recorder: Recorder): Promise<void> {
  const { api, temporal } = recorder;
  const { id, handle } = await createSlow(recorder);
  await temporal.workflowService.pauseActivity({ namespace: 'default', execution: { workflowId: handle.workflowId }, type: 'start', identity: 'operator' });
  await api.until('the activity to stand still', async () => (await pendingActivities(handle)).some(({ state }) => state === paused), 60_000);
  await terminate(recorder, id, 'terminated-while-paused');
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

const taskQueueOfStack = 'berth';

const paused = temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED;

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
  await api.until('the visible activity', async () => (await pendingActivities(handle)).length > 0);
  return { id, handle };
}

async function pendingActivities(handle: WorkflowHandle): Promise<temporal.api.workflow.v1.IPendingActivityInfo[]> {
  return (await handle.describe()).raw.pendingActivities ?? [];
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
