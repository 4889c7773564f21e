import { Client as Temporal, Connection } from '@temporalio/client';
import type { WorkflowRun } from '../../src/domain/workflow-run';
import type { InstanceReply } from '../support/client';
import { Client, noopComponent } from '../support/client';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

interface Timeline {
  readonly engineAnswered: boolean;
  readonly items: ReadonlyArray<{
    readonly what: string;
    readonly change?: { readonly type: string; readonly workflowRun?: string };
    readonly run?: { readonly runId: string; readonly status: string };
    readonly attempt?: { readonly activity: string; readonly process?: string; readonly outcome: string };
  }>;
}

const dropTimeoutMs = 120_000;

let stack: TestStack;
let api: Client;
let connection: Connection;
let temporal: Temporal;

beforeAll(async () => {
  stack = await startTestStack({ api: 1, control: 1 });
  api = new Client(stack.apis[0]!);
  connection = await Connection.connect({ address: testServers().temporal });
  temporal = new Temporal({ connection });
}, 240_000);

afterAll(async () => {
  await connection?.close();
  await stack?.end();
}, 120_000);

const timelineOf = (id: string) => api.must<Timeline>('GET', `/instances/${id}/timeline?limit=200`);
const whatOf = ({ items }: Timeline) => items.map(({ what, change, run, attempt }) => change?.type ?? attempt?.activity ?? `${what}: ${run?.status}`);

test('changes and attempts are told together, and still when the engine has dropped the run', async () => {
  await api.makeWorker({ from: 28_200, to: 28_299 });
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition });
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`);

  const told = await api.until('the run has closed', async () => {
    const timeline = await timelineOf(id);
    return timeline.items.some(({ what }) => what === 'run closed') && timeline;
  });
  expect(told.engineAnswered).toBe(true);
  expect(whatOf(told)).toEqual(expect.arrayContaining(['run started: COMPLETED', 'schedule', 'start', 'remove', 'run closed: COMPLETED', 'berth.instance.created', 'berth.instance.running', 'berth.instance.terminated']));
  const runId = told.items.find(({ what }) => what === 'run started')?.run?.runId;
  expect(told.items.find(({ change }) => change?.type === 'berth.instance.running')?.change?.workflowRun).toBe(runId);
  expect(told.items.filter(({ attempt }) => attempt).every(({ attempt }) => attempt?.process !== undefined)).toBe(true);

  await temporal.workflow.execute('mirrorRuns', { workflowId: `mirror-${stack.taskQueue}`, taskQueue: stack.taskQueue, args: [] });
  await drop({ workflowId: `instance/${id}`, runId: runId! });
  expect(whatOf(await timelineOf(id))).toEqual(whatOf(told));
}, 480_000);

/** As the engine does when its retention is over. */
async function drop(execution: Pick<WorkflowRun, 'workflowId' | 'runId'>): Promise<void> {
  await connection.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution: execution });
  const { workflowId, runId } = execution;
  const isGone = () =>
    temporal.workflow.getHandle(workflowId, runId).describe().then(
      () => false,
      () => true,
    );
  // It does so when it comes to it.
  await api.until('the engine has dropped it', isGone, dropTimeoutMs);
}
