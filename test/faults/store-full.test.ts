import { ledgerFindings } from '../support/ledger-findings';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createRunDirectory } from '../../src/processes/embedded/run-directory';
import type { RunDirectory } from '../../src/processes/embedded/run-directory';
import type { Stack } from '../../src/processes/stack';
import { startStack } from '../../src/processes/stack';
import { EtcdClient, rangeEnd } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import type { StoreUsage } from '../../src/stores/etcd/maintenance';
import { isNoSpace, StoreMaintenance } from '../../src/stores/etcd/maintenance';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { eventually, OwnEtcd } from '../support/etcd';
import { freshDatabase, freshTaskQueue, testServers } from '../support/servers';
import { TcpProxy } from '../support/tcp-proxy';
import { check, describeFindings } from './harness/checker';
import { readRecord } from './harness/record-reader';
import { recordStore } from './harness/store-recorder';
import type { StoreRecorder } from './harness/store-recorder';
import { rememberToken } from '../support/credentials';
import { withoutLimits } from '../support/without-limits';

const quotaBytes = 16 * 1024 * 1024;
const chunkBytes = 128 * 1024;
const database = freshDatabase();
/** Data of somebody else in the same etcd, which Berth knows nothing of. */
const filler = Buffer.from('/filler/');

let directory: RunDirectory;
let ownEtcd: OwnEtcd;
let mongo: TcpProxy;
let stack: Stack;
let api: Client;
let etcd: EtcdClient;
let maintenance: StoreMaintenance;
let recorder: StoreRecorder;

beforeAll(async () => {
  const servers = testServers();
  directory = await createRunDirectory('store-full', () => undefined);
  ownEtcd = await OwnEtcd.start({ quotaBytes });
  mongo = await TcpProxy.to(servers.mongodb);
  etcd = new EtcdClient({ endpoints: [ownEtcd.url], prefix: '/ccm/' });
  maintenance = new StoreMaintenance(etcd);
  recorder = await recordStore(ownEtcd.url, '/ccm/');
  stack = await startStack({
    directory: directory.path,
    report: () => undefined,
    artifactsDirectory: join(__dirname, '../../examples'),
    external: { etcd: ownEtcd.url, mongodb: mongo.url.replace('http:', 'mongodb:'), temporal: servers.temporal },
    environment: {
      ...withoutLimits,
      BERTH_ETCD_QUOTA_BYTES: String(quotaBytes),
      BERTH_MONGODB_DATABASE: database,
      BERTH_TEMPORAL_TASK_QUEUE: freshTaskQueue(),
      BERTH_LOG_LEVEL: 'debug',
    },
  });
  rememberToken(stack.apis[0]!, stack.token);
  api = new Client(stack.apis[0]!);
}, 240_000);

afterAll(async () => {
  await recorder?.stop();
  etcd?.close();
  await stack?.stop();
  await mongo?.close();
  await ownEtcd?.remove();
  directory?.remove();
}, 120_000);

let chunks = 0;

/** Puts one more chunk beside Berth's keys; false when etcd takes no more. */
async function fillOneChunk(): Promise<boolean> {
  try {
    await etcd.raw.kv.put({ key: Buffer.concat([filler, Buffer.from(String(chunks++))]), value: randomBytes(chunkBytes) });
    return true;
  } catch (error) {
    if (isNoSpace(error)) return false;
    throw error;
  }
}

function usage(): Promise<StoreUsage> {
  return maintenance.usage();
}

async function outboxLength(): Promise<number> {
  return (await etcd.list(keys.outboxPrefix)).entries.length;
}

async function leaders(): Promise<unknown[]> {
  const found = await Promise.all((['scheduler', 'controller'] as const).map((role) => etcd.get(keys.leader(role))));
  return found.filter((leader) => leader !== undefined);
}

describe('an etcd that fills up', () => {
  let workerId: string;
  let definition: { name: string; version: string };
  let running: InstanceReply[];
  const create = (query = '') => api.call<InstanceReply & { code?: string }>('POST', `/instances${query}`, { definition });
  const allocated = async () => (await api.must<{ instances: number }>('GET', `/workers/${workerId}/capacity`)).instances;

  test('refuses new work when most of it is in use, and still releases', async () => {
    workerId = await api.makeWorker();
    definition = await api.define({ components: [noopComponent] });
    const created = await Promise.all(Array.from({ length: 4 }, () => create('?waitFor=RUNNING&timeout=30s')));
    running = created.map(({ body }) => body);
    expect(running.map(({ status }) => status.phase)).toEqual(running.map(() => 'RUNNING'));

    mongo.cut();
    while ((await usage()).usedBytes < quotaBytes * 0.7) await fillOneChunk();
    // It looks from time to time. Until then, starting what runs is refused for another reason.
    await api.until('the api to see it', async () => (await api.call('POST', `/instances/${running[0]!.id}/start`)).body['code'] === 'store_full');
    const refused = await create();
    expect(refused).toMatchObject({ status: 503, body: { code: 'store_full', retryable: true, quotaBytes } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    const [ended, stopped] = running;
    expect(await allocated()).toBe(4);
    await api.must('DELETE', `/instances/${ended!.id}?waitFor=TERMINATED&timeout=30s`);
    await api.must('POST', `/instances/${stopped!.id}/stop?waitFor=STOPPED&timeout=30s`);
    expect(await allocated()).toBe(3);
    expect((await api.instance(ended!.id)).ports).toBeUndefined();
    expect(await outboxLength()).toBeGreaterThan(0);
  }, 120_000);

  test('trims when it is quite full and nobody can be elected', async () => {
    // Nobody makes room while there is no control; and then its leases run out.
    stack.children.control[0]!.kill('SIGKILL');
    await maintenance.compact((await usage()).revision);
    await maintenance.defragment();
    while (await fillOneChunk());
    await eventually('the offices are vacant', async () => (await leaders()).length === 0, 20_000);
    mongo.pass();
    await stack.startControl();
    expect(await usage()).toMatchObject({ noSpace: true });
    expect((await api.call('DELETE', `/instances/${running[2]!.id}`)).status).toBe(503);

    mongo.pass();
    await eventually('the outbox is drained', async () => (await outboxLength()) === 0, 30_000);
    expect(await usage()).toMatchObject({ noSpace: true });
    expect(await leaders()).toEqual([]);
  }, 120_000);

  test('recovers alone when there is room again', async () => {
    await etcd.raw.kv.deleteRange({ key: filler, range_end: rangeEnd(filler) });
    await eventually('the alarm is taken back', async () => !(await usage()).noSpace, 30_000);
    expect((await usage()).allocatedBytes).toBeLessThan(quotaBytes / 2);
    await eventually('leaders are elected', async () => (await leaders()).length === 2, 15_000);

    const created = await api.until('new work to be accepted', async () => {
      const reply = await create('?waitFor=RUNNING&timeout=30s');
      return reply.status < 300 && reply.body;
    });
    expect(created.status.phase).toBe('RUNNING');
    expect(await api.instance(running[3]!.id)).toMatchObject({ status: { phase: 'RUNNING', attempt: 1 } });
    await api.must('POST', `/instances/${running[1]!.id}/start?waitFor=RUNNING&timeout=30s`);
    await Promise.all([...running.slice(1), created].map(({ id }) => api.must('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=30s`)));
  }, 120_000);

  test('has lost nothing: the ledger is right, and every event is in the record once', async () => {
    expect(await allocated()).toBe(0);
    expect(await ledgerFindings(etcd)).toEqual([]);
    await eventually('the outbox is drained', async () => (await outboxLength()) === 0);
    await recorder.upToPresent();
    const store = recorder.history();
    const record = await readRecord(testServers().mongodb, database);
    expect(record.length).toBeGreaterThan(20);
    const findings = check({ store, record, calls: [], runs: [], end: { liveProcesses: [], leftDirectories: [] } });
    // The one exception that a full store needs, and seen to happen: the outbox was trimmed while nobody led.
    const standIns = findings.filter(({ rule, object }) => rule === 'led-out-of-office' && object === keys.outboxPrefix);
    expect(standIns).not.toEqual([]);
    expect(describeFindings(findings.filter((finding) => !standIns.includes(finding)))).toBe('no promise was broken');
  }, 120_000);
});
