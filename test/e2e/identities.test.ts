import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as Temporal, Connection } from '@temporalio/client';
import { EtcdPermissionDeniedError } from 'etcd3';
import { deployEtcdRoles } from '../../src/processes/deploy';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { maintenanceUser } from '../../src/stores/etcd/role-administration';
import { mongoNeeds } from '../../src/stores/mongo/rights';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { closeClients, openClient, OwnEtcd } from '../support/etcd';
import { MongoRecorder } from '../support/mongo-recorder';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';

const prefix = '/identities';
const passwords = mkdtempSync(join(tmpdir(), 'berth-passwords-'));
let etcd: OwnEtcd;
let stack: TestStack;
let api: Client;
let root: EtcdClient;
let connection: Connection;
let recorders: { readonly api: MongoRecorder; readonly control: MongoRecorder };

const password = (user: string) => readFileSync(join(passwords, user), 'utf8').trim();
const as = (user: string, variable = 'BERTH_ETCD') => ({ [`${variable}_USERNAME`]: user, [`${variable}_PASSWORD_FILE`]: join(passwords, user) });
const clientOf = (user: string) => openClient({ url: etcd.url, prefix: `${prefix}/`, access: { user: { name: user, password: password(user) } } });
const deploy = (environment: NodeJS.ProcessEnv, apply: boolean) => deployEtcdRoles({ BERTH_ETCD_ENDPOINTS: etcd.url, BERTH_ETCD_PREFIX: prefix, ...environment }, { apply, enable: true, passwords });

beforeAll(async () => {
  etcd = await OwnEtcd.start();
  expect(await deploy({}, false)).toContain('make user berth-api');
  await deploy({}, true);
  root = clientOf('root');
  const { mongodb } = testServers();
  recorders = { api: await MongoRecorder.to(mongodb), control: await MongoRecorder.to(mongodb) };
  stack = await startTestStack(
    {},
    { BERTH_ETCD_PREFIX: prefix, BERTH_RETENTION: '0s', ...as('berth-admin') },
    { external: { etcd: etcd.url }, environmentOf: environments() },
  );
  api = new Client(stack.apis[0]!);
  connection = await Connection.connect({ address: testServers().temporal });
}, 240_000);

afterAll(async () => {
  await connection?.close();
  await stack?.end();
  closeClients();
  Object.values(recorders ?? {}).forEach((recorder) => recorder.close());
  await etcd?.remove();
  rmSync(passwords, { recursive: true, force: true });
}, 120_000);

const environments = () => ({
  api: { ...as('berth-api'), BERTH_MONGODB_URI: recorders.api.uri },
  control: { ...as('berth-control'), ...as(maintenanceUser, 'BERTH_ETCD_MAINTENANCE'), BERTH_MONGODB_URI: recorders.control.uri },
});

const logOf = (name: string) => readFileSync(join(stack.logsDirectory, `${name}.log`), 'utf8');

async function maintain(workflowType: string): Promise<{ readonly findings: number; readonly summary: string }> {
  const workflowId = `${workflowType}-${stack.taskQueue}-${Date.now()}`;
  return (await new Temporal({ connection }).workflow.execute(workflowType, { workflowId, taskQueue: stack.taskQueue, args: [] })) as { findings: number; summary: string };
}

test('everything works with no more rights than the roles give, until it has left etcd', async () => {
  const workerId = await api.makeWorker({ from: 22_000, to: 22_099 });
  const definition = await api.define({ components: [noopComponent] });
  const { id } = await api.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition }, { 'idempotency-key': 'once' });
  await api.must('POST', `/instances/${id}/stop?waitFor=STOPPED&timeout=30s`);
  await api.must('POST', `/instances/${id}/start?waitFor=RUNNING&timeout=30s`);
  expect(await api.must('POST', '/admin/invariants/repair?dryRun=false')).toMatchObject({ findingsTotal: 0 });
  await api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`);
  await api.must('DELETE', `/workers/${workerId}?waitFor=TERMINATED&timeout=60s`);
  await api.until('both have retired', async () => {
    await maintain('retireObjects');
    const { lists } = await root.listTogether([keys.instance(id), keys.worker(workerId)]);
    return lists.every((entries) => entries.length === 0);
  });
  for (const workflowType of ['sweepBodies', 'deleteOldSnapshots', 'auditLedger']) expect([workflowType, (await maintain(workflowType)).findings]).toEqual([workflowType, 0]);
  await api.until('the outbox is empty', async () => (await root.list(keys.outboxPrefix)).entries.length === 0);
  for (const name of ['api-1', 'control-1']) expect(logOf(name)).not.toMatch(/permission denied|which \w+ never does/i);
}, 360_000);

test.each(['api', 'control'] as const)('%s asked MongoDB for nothing that its role does not hold', (identity) => {
  const held = new Set(mongoNeeds[identity].flatMap(({ collection, actions }) => actions.map((action) => `${action} ${collection}`)));
  const { asked } = recorders[identity];
  expect([...asked].filter((each) => !held.has(each))).toEqual([]);
  expect([...asked].sort()).toEqual(expect.arrayContaining(['find audit_events', 'find schema_migrations']));
});

test('the roles hold nothing that is to be done again, nor anything that is too much', async () => {
  expect(await deploy(as('root'), false)).toEqual([]);
});

test.each([
  ['berth-api', keys.leader('scheduler')],
  ['berth-api', keys.leader('controller')],
  ['berth-api', keys.sweeping('workloads')],
  ['berth-control', keys.tokenHash('k-1')],
  ['berth-control', keys.principalSpec('p-1')],
  ['berth-control', keys.orgSpec('o-1')],
  ['berth-control', keys.templateSpec('t-1')],
  ['berth-admin', keys.instanceSpec('i-1')],
])('%s cannot write %s', async (user, key) => {
  const client = clientOf(user);
  await expect(client.txn({ compare: [], success: [{ request_put: { key: client.key(key), value: Buffer.from('{}') } }], failure: [] })).rejects.toThrow(EtcdPermissionDeniedError);
});

test('an api that may not look after etcd says so to whoever asks it to', async () => {
  expect(await api.call('POST', '/admin/store/compact')).toMatchObject({ status: 409, body: { code: 'store_unmanaged' } });
  expect(await api.call('GET', '/admin/store')).toMatchObject({ status: 409, body: { code: 'store_unmanaged' } });
});

test('a right too much is named when a process starts, a right too few keeps it from starting', async () => {
  const { auth } = root.raw;
  const foreign = { key: Buffer.from('/foreign'), range_end: Buffer.alloc(0) };
  await auth.roleGrantPermission({ name: 'berth-control', perm: { permType: 'Write', ...foreign } });
  const other = await stack.startControl();
  await api.until('it says so', async () => logOf(other.name).includes('etcd lets user berth-control write /foreign, which control never does'));
  await other.stop();
  const tokens = { key: root.key('tokens/'), range_end: root.key('tokens0') };
  await auth.roleRevokePermission({ role: 'berth-api', ...tokens });
  await stack.children.api[0]!.stop();
  await expect(stack.startApi(0)).rejects.toThrow(`write ${prefix}/tokens/*`);
  expect((await deploy(as('root'), true)).sort()).toEqual([`give write of ${prefix}/tokens/* to role berth-api`, 'take write of /foreign from role berth-control']);
  await stack.startApi(0);
  await api.makeWorker({ from: 22_100, to: 22_199 });
}, 240_000);
