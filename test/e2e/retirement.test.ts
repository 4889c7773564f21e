import { Client as Temporal, Connection } from '@temporalio/client';
import { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import type { InstanceReply } from '../support/client';
import { Client, noopComponent } from '../support/client';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

type Archived<Reply> = Reply & { readonly archived?: true };

let stack: TestStack;
let api: Client;
let etcd: EtcdClient;
let connection: Connection;

beforeAll(async () => {
  stack = await startTestStack({ api: 2, control: 1 }, { BERTH_RETENTION: '0s' });
  api = new Client(stack.apis[0]!);
  etcd = new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix });
  connection = await Connection.connect({ address: testServers().temporal });
}, 240_000);

afterAll(async () => {
  etcd?.close();
  await connection?.close();
  await stack?.end();
}, 120_000);

function maintain(workflowType: string): Promise<{ readonly findings: number; readonly summary: string }> {
  const workflowId = `${workflowType}-${stack.taskQueue}-${Date.now()}`;
  return new Temporal({ connection }).workflow.execute(workflowType, { workflowId, taskQueue: stack.taskQueue, args: [] });
}

test('what has ended leaves etcd by the maintenance workflow, is found through every api process, and nothing trips over it', async () => {
  const workerId = await api.makeWorker({ from: 28_000, to: 28_099 });
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition });
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`);
  await api.must('DELETE', `/workers/${workerId}?waitFor=TERMINATED&timeout=60s`);

  await api.until('both have retired', async () => {
    const { findings } = await maintain('retireObjects');
    expect(findings).toBe(0);
    const { lists } = await etcd.listTogether([keys.instance(id), keys.worker(workerId)]);
    return lists.every((entries) => entries.length === 0);
  });
  for (const url of stack.apis) {
    const replica = new Client(url);
    expect(await replica.must<Archived<InstanceReply>>('GET', `/instances/${id}`)).toMatchObject({ archived: true, status: { phase: 'TERMINATED' } });
    expect(await replica.must<Archived<InstanceReply>>('GET', `/workers/${workerId}?waitFor=TERMINATED`)).toMatchObject({ archived: true });
    expect(await replica.must<InstanceReply>('DELETE', `/instances/${id}`)).toMatchObject({ id, archived: true });
  }
  const events = await api.until('its last event is told', async () => {
    const { items } = await api.must<{ items: Array<{ sequence: number; type: string; workflowrun?: string }> }>('GET', `/instances/${id}/events?limit=200`);
    return items.at(-1)?.type === 'berth.instance.retired' && items;
  });
  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)?.workflowrun).toEqual(expect.any(String));

  for (const workflowType of ['sweepBodies', 'deleteOldSnapshots', 'auditLedger', 'retireObjects']) expect([workflowType, (await maintain(workflowType)).findings]).toEqual([workflowType, 0]);
  // Life goes on beside it.
  await api.makeWorker({ from: 28_100, to: 28_199 });
  const next = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition });
  await api.must('DELETE', `/instances/${next.id}?waitFor=TERMINATED&timeout=60s`);
}, 240_000);
