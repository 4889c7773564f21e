import type { ObjectReference } from '../../src/domain/answer';
import type { InstanceStep } from '../../src/domain/instance-steps';
import { instanceSteps } from '../../src/domain/instance-steps';
import { LifecycleLab, PlantedFault } from '../support/lifecycle-lab';
import type { CommitFault } from '../support/lifecycle-lab';

let lab: LifecycleLab;
let workerId: string;
const definitions: Record<string, { name: string; version: string }> = {};

beforeAll(async () => {
  lab = await LifecycleLab.open();
  await lab.client.must('POST', '/worker-templates', { name: 'lab', description: '', provider: 'local', capacity: { cpu: 8, memory: '8Gi', storage: '8Gi' }, portRange: { from: 24_000, to: 24_999 }, labels: {} });
  const worker = await lab.client.must<{ id: string }>('POST', '/workers', { template: 'lab' });
  workerId = worker.id;
  await lab.drive({ kind: 'Worker', id: workerId }, 'RUNNING');
  const component = (command: string[]) => ({ name: 'main', command, ports: [{ name: 'tcp' }], resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' }, stop: { signal: 'SIGTERM', grace: '1s' } });
  const retry = { maxAttempts: 1, initialBackoff: '50ms', maxBackoff: '50ms' };
  definitions['steady'] = await lab.client.define({ components: [component(['sleep', '600'])], retry });
  definitions['failing'] = await lab.client.define({ components: [component(['no-such-command-anywhere'])], retry });
  definitions['crashing'] = await lab.client.define({ components: [component(['sh', '-c', 'sleep 0.4; exit 1'])], retry });
}, 60_000);

afterAll(() => lab?.close(), 60_000);

const act = (id: string, verb: string) => lab.client.must(verb === 'terminate' ? 'DELETE' : 'POST', `/instances/${id}${verb === 'terminate' ? '' : `/${verb}`}`);

/** How each step comes to be due. A new row in the table has no entry here, and fails until it has one. */
const scenarios: Record<InstanceStep, { definition: string; reach: (instance: ObjectReference) => Promise<unknown> }> = {
  schedule: { definition: 'steady', reach: async () => undefined },
  start: { definition: 'steady', reach: async () => undefined },
  restart: { definition: 'crashing', reach: (instance) => lab.driveToStep(instance, 'restart') },
  stop: { definition: 'steady', reach: async (instance) => [await lab.drive(instance, 'RUNNING'), await act(instance.id, 'stop')] },
  remove: { definition: 'steady', reach: async (instance) => [await lab.drive(instance, 'RUNNING'), await act(instance.id, 'terminate')] },
  undo: { definition: 'failing', reach: (instance) => lab.driveToStep(instance, 'undo') },
  finish: { definition: 'steady', reach: (instance) => act(instance.id, 'terminate') },
  retry: { definition: 'failing', reach: async (instance) => [await lab.drive(instance, 'FAILED'), await act(instance.id, 'retry')] },
  // A spec of a new generation that asks for nothing: nothing is to be done but to take note.
  acknowledge: {
    definition: 'steady',
    reach: async (instance) => {
      await lab.drive(instance, 'RUNNING');
      await act(instance.id, 'stop');
      await lab.drive(instance, 'STOPPED');
      await lab.plantGeneration(instance);
    },
  },
};
const steps = Object.keys(instanceSteps) as InstanceStep[];

async function dueAt(step: InstanceStep): Promise<ObjectReference> {
  const scenario = scenarios[step];
  const { id } = await lab.client.must<{ id: string }>('POST', '/instances', { definition: definitions[scenario.definition] });
  const instance: ObjectReference = { kind: 'Instance', id };
  await scenario.reach(instance);
  await lab.driveToStep(instance, step);
  return instance;
}

/** Wherever it stands, it can be terminated, and then nothing of it is left. */
async function endAndExpectCleanSlate(instance: ObjectReference): Promise<void> {
  if ((await lab.look(instance)).phase !== 'TERMINATED') {
    await act(instance.id, 'terminate');
    await lab.drive(instance, 'TERMINATED');
  }
  expect(await lab.leftovers(workerId)).toEqual([]);
}

const faults: readonly CommitFault[] = ['before commit', 'after commit'];

describe.each(steps)('step %s', (step) => {
  test.each(faults)('fails %s: run again it goes on, and leaves nothing behind', async (when) => {
    const instance = await dueAt(step);
    const hitsBefore = lab.committer.hits.length;
    lab.committer.plant(step, when);
    await expect(lab.run(step, instance)).rejects.toThrow(PlantedFault);
    // The cell counts only if the fault was seen at the step that it names.
    expect(lab.committer.hits.slice(hitsBefore)).toEqual([expect.stringContaining(`instances/${instance.id}/`)]);
    expect(lab.committer.hits.at(-1)!.split('/').at(-1)).toMatch(new RegExp(`^${step}\\.`));
    await lab.run(step, instance);
    await endAndExpectCleanSlate(instance);
  }, 60_000);

  test('run twice, one after the other and at once: its effect happens once', async () => {
    const instance = await dueAt(step);
    const before = lab.live.cached.instance(instance.id)!.status.value.attempt;
    await Promise.all([lab.run(step, instance), lab.run(step, instance)]);
    await lab.run(step, instance);
    const { status } = await lab.live.fresh.instance(instance.id);
    const starts = step === 'start' || step === 'restart' ? 1 : 0;
    expect(status.value.attempt - before).toBeLessThanOrEqual(starts);
    await endAndExpectCleanSlate(instance);
  }, 60_000);
});

test('the step that failed is the one that is named', async () => {
  const { id } = await lab.client.must<{ id: string }>('POST', '/instances', { definition: definitions['failing'] });
  const instance: ObjectReference = { kind: 'Instance', id };
  expect(await lab.drive(instance, 'FAILED')).toEqual(['schedule', 'start', 'undo']);
  const { status } = await lab.live.fresh.instance(id);
  expect(status.value.lastFailure).toMatchObject({ step: 'start', class: 'configuration', reason: 'CommandNotFound' });
  await endAndExpectCleanSlate(instance);
}, 60_000);
