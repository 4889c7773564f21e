import { execFile } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventId } from '../../src/domain/events';
import { noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { ledgerFindings } from '../support/ledger-findings';
import { FaultStack } from './harness/fault-stack';
import { faultDatabase, faultPrefix } from './harness/names';
import { readRecord } from './harness/record-reader';
import type { SteadyClient } from './harness/steady-client';

const root = join(__dirname, '..', '..');

let stack: FaultStack;
let api: SteadyClient;
let failed = true;
/** Nobody creates any more. */
let isOver = true;

beforeEach(async () => {
  stack = await FaultStack.start();
  api = stack.client();
}, 240_000);

afterEach(async () => {
  isOver = true;
  await stack?.end(failed);
  failed = true;
}, 120_000);

test('etcd is lost and restored from a copy made under load: agents take the old plan, what it wants runs, and life goes on in a new epoch', async () => {
  await api.makeWorker({ from: 31_000, to: 31_499 });
  const definition = await api.define({ components: [stack.runs.component()] });
  const noop = await api.define({ components: [noopComponent] });
  const [running, stopped, terminated, restarted] = (await Promise.all([1, 2, 3, 4].map(() => create(definition)))) as [string, string, string, string];
  const known = [running, stopped, terminated, restarted];
  await all(known, 'RUNNING');

  const underLoad = createUntilStopped(noop);
  const copy = join(stack.directory, 'copy');
  await berth('backup', '--to', copy);
  const made = await underLoad.stop();
  await Promise.all([act('POST', `/instances/${stopped}/stop`), act('DELETE', `/instances/${terminated}`), act('POST', `/instances/${restarted}/stop`)]);
  await all([stopped, restarted], 'STOPPED');
  await all([terminated], 'TERMINATED');
  await act('POST', `/instances/${restarted}/start`);
  await all([restarted], 'RUNNING');
  const lost = await create(definition);
  await all([lost], 'RUNNING');
  await onlyAlive(running, restarted, lost);
  const pidBefore = stack.runs.startsOf(running).at(-1)!.pid;
  const agents = stack.agents.pids;

  await Promise.all([...stack.apis, ...stack.controls].map((process) => process.stop()));
  await stack.servers.etcd.kill();
  renameSync(join(stack.directory, 'etcd'), join(stack.directory, 'etcd-lost'));
  await berth('restore', '--from', copy, '--etcd-data-dir', join(stack.directory, 'etcd'), '--keep-mongodb');
  await stack.servers.etcd.startAgain();
  await Promise.all([...stack.apis, ...stack.controls].map((process) => process.start()));

  // Whatever became of them afterwards is as if it had never been.
  await all(known, 'RUNNING');
  await onlyAlive(...known);
  expect(stack.runs.startsOf(running).map(({ pid }) => pid)).toEqual([pidBefore]);
  expect(stack.agents.pids).toEqual(agents);
  expect(await statusOf(`/instances/${lost}`)).toBe(404);
  const shown = await Promise.all(made.map((id) => statusOf(`/instances/${id}`)));
  const kept = made.filter((_, position) => shown[position] === 200);
  await all(kept, 'RUNNING');

  await act('POST', `/instances/${restarted}/stop`);
  await all([restarted], 'STOPPED');
  await act('POST', `/instances/${restarted}/start`);
  const fresh = await create(definition);
  await all([restarted, fresh], 'RUNNING');
  expect((await api.read<InstanceReply>(`/instances/${restarted}`)).status.attempt).toBe(2);
  expect(stack.runs.starts.filter(({ aliveBefore }) => aliveBefore !== undefined)).toEqual([]);

  const everything = [...known, ...kept, fresh];
  await Promise.all(everything.map((id) => act('DELETE', `/instances/${id}`)));
  await all(everything, 'TERMINATED');
  await onlyAlive();
  await api.until('nothing is left on hosts', async () => stack.agents.instanceDirectories.length === 0);
  await requireRightRecord(copy, everything);
  failed = false;
}, 600_000);

/** Nothing is promised twice, and of every object the record holds all that counts, once, in order. */
async function requireRightRecord(copy: string, subjects: readonly string[]): Promise<void> {
  const etcd = stack.openEtcd();
  try {
    await api.until('the outbox is empty', async () => (await etcd.list('outbox/', 1)).entries.length === 0);
    expect(await ledgerFindings(etcd)).toEqual([]);
  } finally {
    etcd.close();
  }
  const record = [...(await readRecord(stack.servers.mongodb.address, faultDatabase))].sort((one, other) => (one._id < other._id ? -1 : 1));
  const { etcd: snapshot } = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8')) as { etcd: { revision: string } };
  const last = eventId({ epoch: 1, revision: snapshot.revision, index: 9_999 });
  expect(record.filter(({ _id }) => _id.startsWith('0001-') && _id > last)).toEqual([]);
  expect(record.some(({ _id }) => _id.startsWith('0002-'))).toBe(true);
  for (const subject of subjects) {
    const sequences = record.filter((event) => event['subject'] === subject).map((event) => event['sequence']);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  }
}

/** Runs `berth admin …` as a person would, beside the stack. */
async function berth(...args: string[]): Promise<void> {
  const { etcd, mongodb } = stack.servers;
  const env = {
    ...process.env,
    BERTH_ETCD_ENDPOINTS: etcd.address,
    BERTH_ETCD_PREFIX: faultPrefix.slice(0, -1),
    BERTH_MONGODB_URI: mongodb.address,
    BERTH_MONGODB_DATABASE: faultDatabase,
  };
  await promisify(execFile)(process.execPath, [join(root, 'dist', 'cli', 'berth.js'), 'admin', ...args], { env });
}

/** Users who create instances, one after the other, until they are told to stop; answers what they made. */
function createUntilStopped(definition: object): { stop: () => Promise<string[]> } {
  const made: string[] = [];
  isOver = false;
  const user = async () => {
    while (!isOver) made.push(await create(definition));
  };
  const users = Promise.all([user(), user()]);
  users.catch(() => undefined);
  return {
    stop: async () => {
      isOver = true;
      await users;
      return made;
    },
  };
}

async function create(definition: object): Promise<string> {
  return (await api.must<InstanceReply>('POST', '/instances', { definition })).id;
}

async function act(method: string, path: string): Promise<void> {
  await api.must(method, path);
}

async function all(ids: readonly string[], phase: string): Promise<void> {
  await Promise.all(ids.map((id) => api.reaches('instances', id, phase)));
}

async function statusOf(path: string): Promise<number> {
  return (await api.call('GET', path)).status;
}

/** Waits until a process runs of each of these instances, as those processes say, and of no other. */
async function onlyAlive(...ids: string[]): Promise<void> {
  const alive = () => stack.runs.alive.map(({ instanceId }) => instanceId).sort();
  await api.until(`exactly ${ids.join(', ') || 'nothing'} runs`, async () => alive().join() === [...ids].sort().join());
}
