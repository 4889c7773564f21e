import type { ObjectReference } from '../../src/domain/answer';
import type { WorkerStep } from '../../src/domain/worker-steps';
import { workerSteps } from '../../src/domain/worker-steps';
import { ProviderError } from '../../src/drivers/providers/provider';
import { LifecycleLab, PlantedFault } from '../support/lifecycle-lab';
import type { CommitFault } from '../support/lifecycle-lab';

let lab: LifecycleLab;
let definition: { name: string; version: string };

beforeAll(async () => {
  lab = await LifecycleLab.open();
  await lab.client.must('POST', '/worker-templates', { name: 'lab', description: '', provider: 'local', capacity: { cpu: 8, memory: '8Gi', storage: '8Gi' }, portRange: { from: 25_000, to: 25_999 }, labels: {} });
  definition = await lab.client.define({ components: [{ name: 'main', runtime: 'noop', resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' } }] });
}, 60_000);

afterAll(() => lab?.close(), 60_000);

const terminate = (worker: ObjectReference) => lab.client.must('DELETE', `/workers/${worker.id}`);

/** How each step comes to be due. A new row in the table has no entry here, and fails until it has one. */
const scenarios: Record<WorkerStep, (worker: ObjectReference) => Promise<unknown>> = {
  provision: async () => undefined,
  drain: async (worker) => {
    await lab.drive(worker, 'RUNNING');
    await placeInstance(worker);
    await terminate(worker);
  },
  destroy: async (worker) => [await lab.drive(worker, 'RUNNING'), await terminate(worker)],
  undo: (worker) => whileProviderFails(() => lab.driveToStep(worker, 'undo')),
  finish: (worker) => terminate(worker),
  retry: async (worker) => [await whileProviderFails(() => lab.drive(worker, 'FAILED')), await lab.client.must('POST', `/workers/${worker.id}/retry`)],
  acknowledge: async (worker) => [await lab.drive(worker, 'RUNNING'), await lab.plantGeneration(worker)],
};

async function whileProviderFails(act: () => Promise<unknown>): Promise<void> {
  lab.provider.fail = new ProviderError('configuration', 'Planted', 'the provider refuses');
  await act().finally(() => delete lab.provider.fail);
}

let placed: ObjectReference | undefined;

async function placeInstance(worker: ObjectReference): Promise<void> {
  const { id } = await lab.client.must<{ id: string }>('POST', '/instances', { definition });
  placed = { kind: 'Instance', id };
  await lab.drive(placed, 'RUNNING');
  expect(lab.live.cached.instance(id)?.allocation?.value.workerId).toBe(worker.id);
}

async function dueAt(step: WorkerStep): Promise<ObjectReference> {
  const { id } = await lab.client.must<{ id: string }>('POST', '/workers', { template: 'lab' });
  const worker: ObjectReference = { kind: 'Worker', id };
  await scenarios[step](worker);
  await lab.driveToStep(worker, step);
  return worker;
}

/** Wherever it stands, it can be terminated, and then no key, agent or directory of it is left. */
async function endAndExpectCleanSlate(worker: ObjectReference): Promise<void> {
  if (placed) {
    await lab.client.must('DELETE', `/instances/${placed.id}`);
    await lab.drive(placed, 'TERMINATED');
    placed = undefined;
  }
  if ((await lab.look(worker)).phase !== 'TERMINATED') {
    await terminate(worker);
    await lab.drive(worker, 'TERMINATED');
  }
  const { entries } = await lab.live.client.list(`workers/${worker.id}/`);
  // The lease runs out by itself; an agent that is gone renews it no more.
  expect(entries.map(({ key }) => key.split('/').at(-1)).filter((part) => part !== 'lease').sort()).toEqual(['spec', 'state']);
  expect(lab.hosts()).toEqual([]);
}

const faults: readonly CommitFault[] = ['before commit', 'after commit'];

describe.each(Object.keys(workerSteps) as WorkerStep[])('step %s', (step) => {
  test.each(faults)('fails %s: run again it goes on, and leaves nothing behind', async (when) => {
    const worker = await dueAt(step);
    const hitsBefore = lab.committer.hits.length;
    lab.committer.plant(step, when);
    await expect(lab.run(step, worker)).rejects.toThrow(PlantedFault);
    expect(lab.committer.hits.slice(hitsBefore)).toEqual([expect.stringMatching(new RegExp(`^workers/${worker.id}/\\d+/${step}\\.`))]);
    await lab.run(step, worker);
    await endAndExpectCleanSlate(worker);
  }, 60_000);

  test('run twice, one after the other and at once: its effect happens once', async () => {
    const worker = await dueAt(step);
    await Promise.allSettled([lab.run(step, worker), lab.run(step, worker)]);
    await lab.run(step, worker);
    expect(lab.hosts().length).toBeLessThanOrEqual(1);
    await endAndExpectCleanSlate(worker);
  }, 60_000);
});

test('provisioning that cannot succeed is undone, and parks in FAILED with its reason', async () => {
  const { id } = await lab.client.must<{ id: string }>('POST', '/workers', { template: 'lab' });
  const worker: ObjectReference = { kind: 'Worker', id };
  await whileProviderFails(() => lab.drive(worker, 'FAILED'));
  expect((await lab.live.fresh.worker(id)).status.value).toMatchObject({ lastFailure: { step: 'provision', class: 'configuration', reason: 'Planted' }, undo: [] });
  await endAndExpectCleanSlate(worker);
}, 60_000);
