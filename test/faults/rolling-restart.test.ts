import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../../src/processes/embedded/child';
import { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { FreshObjects } from '../../src/stores/etcd/objects';
import { WatchFeed } from '../../src/stores/etcd/watch-feed';
import { Client, noopComponent } from '../support/client';
import type { InstanceReply } from '../support/client';
import { testServers } from '../support/servers';
import type { TestStack } from '../support/test-stack';
import { startTestStack } from '../support/test-stack';
import type { Patch } from './harness/test-build';
import { makeTestBuild, PatchError } from './harness/test-build';

/** A program that knows the next schema version: whatever it writes is of that version and has one more field. */
const newerProgram: readonly Patch[] = [
  { file: 'stores/etcd/commit.js', find: 'exports.schemaVersionKnown = 1;', replace: 'exports.schemaVersionKnown = 2;' },
  { file: 'stores/etcd/commit.js', find: '(0, client_1.encode)(value)', replace: "(0, client_1.encode)({ ...value, schemaVersion: 2, addedByNewer: 'kept' })" },
];

/** The older program without its guard. */
const carelessProgram: readonly Patch[] = [
  { file: 'stores/etcd/commit.js', find: 'if (version > exports.schemaVersionKnown)', replace: 'if (false)' },
];

interface Stored {
  readonly schemaVersion?: number;
  readonly addedByNewer?: string;
}

/** Follows every revision: what a newer program wrote is of its version, and whole, until it is deleted. */
class Guardian {
  readonly violations: string[] = [];
  private readonly newer = new Set<string>();
  private readonly feed: WatchFeed;
  private revision = 0;

  constructor(client: EtcdClient) {
    this.feed = new WatchFeed(client, {
      onList: (revision) => {
        if (this.revision > 0) this.violations.push('the watch was broken, so something may have been missed');
        this.revision = revision;
      },
      onChanges: (revision, changes) => {
        for (const { key, entry } of changes) this.see(key, entry && (entry.value as Stored), revision);
        this.revision = revision;
      },
      onProgress: (revision) => void (this.revision = revision),
      onProblem: () => undefined,
    });
  }

  start(): Promise<void> {
    return this.feed.start();
  }

  stop(): void {
    this.feed.stop();
  }

  hasSeen(revision: number): boolean {
    this.feed.askProgress();
    return this.revision >= revision;
  }

  private see(key: string, value: Stored | undefined, revision: number): void {
    if (value === undefined) this.newer.delete(key);
    else if (value.schemaVersion === 2) {
      this.newer.add(key);
      if (value.addedByNewer !== 'kept') this.violations.push(`${key} lost its new field at ${revision}`);
    } else if (this.newer.has(key)) this.violations.push(`${key} went back to version ${value.schemaVersion} at ${revision}`);
  }
}

let stack: TestStack;
let api: Client;
let etcd: EtcdClient;
let guardian: Guardian;
let newerEntries: string;
let carelessEntries: string;
let definition: { name: string; version: string };

beforeAll(async () => {
  stack = await startTestStack({ api: 1, control: 2 });
  api = new Client(stack.apis[0]!);
  etcd = new EtcdClient({ endpoints: [testServers().etcd], prefix: stack.etcdPrefix });
  guardian = new Guardian(etcd);
  await guardian.start();
  const build = (name: string, patches: readonly Patch[]) => makeTestBuild({ directory: join(stack.logsDirectory, '..', name), patches }).entriesDirectory;
  newerEntries = build('newer', newerProgram);
  carelessEntries = build('careless', carelessProgram);
  definition = await defineFor('first');
}, 240_000);

afterAll(async () => {
  guardian?.stop();
  etcd?.close();
  await stack?.end();
}, 120_000);

/** What runs on one worker only. */
async function defineFor(era: string): Promise<typeof definition> {
  return api.define({ components: [noopComponent], constraints: { labels: { era } } });
}

async function create(of = definition): Promise<string> {
  return (await api.must<InstanceReply>('POST', '/instances', { definition: of })).id;
}

async function command(id: string, verb: 'stop' | 'start' | 'terminate'): Promise<void> {
  if (verb === 'terminate') await api.must('DELETE', `/instances/${id}`);
  else await api.must('POST', `/instances/${id}/${verb}`);
}

async function arrive(phase: string, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => api.must('GET', `/instances/${id}?waitFor=${phase}&timeout=90s`)));
}

/** A control process of the newer version that runs lifecycles. */
async function startNewer(): Promise<Child> {
  const process = await stack.startControl({ entriesDirectory: newerEntries });
  await api.until('the newer one to run lifecycles', async () => readFileSync(process.logPath, 'utf8').includes('control runs lifecycles'));
  return process;
}

async function version(key: string): Promise<number | undefined> {
  return ((await etcd.get(key))?.value as Stored | undefined)?.schemaVersion;
}

/** What a process said of values that it does not understand: the key of each, and on whose behalf it met it. */
function complaints(process: Child): ReadonlyArray<{ readonly workflowId: string; readonly key: string }> {
  const lines = readFileSync(process.logPath, 'utf8').split('\n').filter((line) => line.includes('ValueNewerError') && line.endsWith('}'));
  return lines.flatMap((line) => {
    const { workflowId, error } = JSON.parse(line) as { workflowId?: string; error?: { key: string; found: number; known: number } };
    return workflowId !== undefined && error?.found === 2 && error.known === 1 ? [{ workflowId, key: error.key }] : [];
  });
}

async function complains(process: Child, instanceId: string, about: readonly string[]): Promise<void> {
  const isIt = ({ workflowId, key }: { workflowId: string; key: string }) => workflowId === `instance/${instanceId}` && about.includes(key);
  await api.until(`the older one to say that ${about.join(' or ')} is newer`, async () => complaints(process).some(isIt), 60_000);
}

async function expectNothingLost(): Promise<void> {
  const revision = await etcd.revision();
  await api.until(`revision ${revision} to be watched`, async () => guardian.hasSeen(revision));
  expect(guardian.violations).toEqual([]);
}

test('control of two versions side by side, forth, back and forth again: what the newer wrote is never overwritten by the older', async () => {
  const workerId = await api.makeWorker({ from: 24_000, to: 24_499, labels: { era: 'first' } });
  const [stays, stops, ends] = [await create(), await create(), await create()];
  await arrive('RUNNING', [stays, stops, ends]);
  const [firstOld, secondOld] = stack.children.control as [Child, Child];

  // Forth: work goes on all the time, while the old ones leave one by one.
  const firstNew = await startNewer();
  const sideBySide = await Promise.all(Array.from({ length: 8 }, () => create()));
  await api.until('the newer one to place something beside the older ones', async () => {
    sideBySide.push(await create());
    return (await version(keys.workerCapacity(workerId))) === 2;
  });
  await Promise.all([command(stops, 'stop'), command(ends, 'terminate')]);
  await firstOld.stop();
  const withOneOld = await Promise.all(Array.from({ length: 4 }, () => create()));
  await secondOld.stop();
  await arrive('RUNNING', [...sideBySide, ...withOneOld]);
  await Promise.all([arrive('STOPPED', [stops]), arrive('TERMINATED', [ends])]);
  await command(stops, 'start');
  await arrive('RUNNING', [stops]);
  const { allocation } = await new FreshObjects(etcd).instance(stops);
  const writtenByNewer = [keys.instanceStatus(stops), keys.workerCapacity(workerId), keys.workerPorts(workerId), keys.planEntry(workerId, allocation!.value.allocationId)];
  expect(await Promise.all(writtenByNewer.map(version))).toEqual([2, 2, 2, 2]);
  await expectNothingLost();

  // Back: the older one says what it cannot do, and goes on with what it can.
  const old = await stack.startControl();
  await firstNew.stop();
  await command(stops, 'stop');
  const waits = await create();
  await complains(old, stops, writtenByNewer);
  await complains(old, waits, [keys.workerCapacity(workerId)]);
  await api.makeWorker({ from: 24_500, to: 24_999, labels: { era: 'second' } });
  const elsewhere = await create(await defineFor('second'));
  await arrive('RUNNING', [elsewhere]);
  await expectNothingLost();
  expect((await api.instance(stops)).status.phase).toBe('RUNNING');
  expect((await api.instance(waits)).status.phase).toBe('PENDING');
  expect(complaints(old).length).toBeLessThan(300); // It backs off between tries.

  // Forth again: everything goes on.
  await startNewer();
  await old.stop();
  await Promise.all([arrive('STOPPED', [stops]), arrive('RUNNING', [waits])]);
  const all = [stays, stops, waits, elsewhere, ...sideBySide, ...withOneOld];
  await Promise.all(all.map((id) => command(id, 'terminate')));
  await arrive('TERMINATED', all);
  const { capacity } = await new FreshObjects(etcd).worker(workerId);
  expect(capacity?.value).toMatchObject({ schemaVersion: 2, instances: 0, allocated: { memoryMib: 0 } });
  await expectNothingLost();
}, 600_000);

test('an older control without its guard is caught overwriting what the newer wrote', async () => {
  await Promise.all(stack.children.control.map((process) => process.stop()));
  const newer = await startNewer();
  const workerId = await api.makeWorker({ from: 25_000, to: 25_499, labels: { era: 'third' } });
  expect(await version(keys.workerPorts(workerId))).toBe(2);
  await newer.stop();
  await stack.startControl({ entriesDirectory: carelessEntries });
  await arrive('RUNNING', [await create(await defineFor('third'))]);
  await expect(expectNothingLost()).rejects.toThrow(`${keys.workerPorts(workerId)} went back to version 1`);
}, 240_000);

test.each([
  ['nothing', 'what is nowhere in it', /commit\.js .* it is there 0 times .*: what is nowhere in it$/],
  ['more than one place', 'const ', /commit\.js .* it is there [1-9]\d+ times .*: const $/],
])('a test build whose patch finds %s is refused, by the name of the patch', (_what, find, refusal) => {
  const directory = join(stack.logsDirectory, '..', 'refused');
  const making = () => makeTestBuild({ directory, patches: [...newerProgram, { file: 'stores/etcd/commit.js', find, replace: '' }] });
  expect(making).toThrow(PatchError);
  expect(making).toThrow(refusal);
  expect(existsSync(directory)).toBe(false);
});
