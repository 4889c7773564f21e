import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Observation } from '../../src/domain/plan';
import type { Workload } from '../../src/domain/workload';
import { eventually, Harness, recordedPid, runs, workloadOf } from './harness';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.end());

const pidOf = (workload: Workload): number => recordedPid(harness.directory, workload.instanceId)!;

/** Observed after now, whatever was before. */
function nextObserved(state: Observation['state'], attempt: number): Promise<void> {
  const { controlPlane } = harness;
  const heard = controlPlane.observations.length;
  return controlPlane.until(() => controlPlane.observations.slice(heard).some((each) => each.state === state && each.attempt === attempt), `${state} in attempt ${attempt}, once more`);
}

describe('on a control plane that was restored from a copy', () => {
  test('what the copy knows goes on and is told again, and what it does not know is removed', async () => {
    const { controlPlane } = harness;
    const [kept, lost] = [workloadOf({}), workloadOf({})];
    await harness.startAgent();
    controlPlane.put('kept', kept, 1, 'running');
    await controlPlane.observed('kept', 'running');
    const pid = pidOf(kept);
    const restore = controlPlane.copy();
    controlPlane.put('lost', lost, 1, 'running');
    await controlPlane.observed('lost', 'running');
    const lostPid = pidOf(lost);

    const toldAgain = nextObserved('running', 1);
    restore();
    controlPlane.cutStreams();
    await toldAgain;
    await eventually(() => !runs(lostPid) && !existsSync(harness.instanceDirectory(lost)), 'what was lost is removed');
    expect([pidOf(kept), runs(pid)]).toEqual([pid, true]);
    expect(controlPlane.hostPorts.length).toBeGreaterThanOrEqual(1);
  });

  test.each([['stopped'], ['absent']] as const)('what lost history had made %s runs again, and can be stopped and started as before', async (ended) => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    const restore = controlPlane.copy();
    controlPlane.put('a', workload, 1, ended);
    await controlPlane.observed('a', ended);
    if (ended === 'absent') {
      controlPlane.remove('a');
      await eventually(() => !existsSync(path.join(harness.directory, 'plan/a.json')), 'it is forgotten');
    }

    const runsAgain = nextObserved('running', 1);
    restore();
    controlPlane.cutStreams();
    await runsAgain;
    const pid = pidOf(workload);
    controlPlane.put('a', workload, 1, 'stopped');
    await eventually(() => !runs(pid), 'it is stopped');
    const second = nextObserved('running', 2);
    controlPlane.put('a', workload, 2, 'running');
    await second;
  });

  test.each([['goes on listening'], ['is started anew']])('attempts of lost history make room for others of their numbers, also when the agent %s', async (agent) => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    const running = await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    const restore = controlPlane.copy();
    controlPlane.put('a', workload, 3, 'running');
    await controlPlane.observed('a', 'running', 3);
    const third = pidOf(workload);

    if (agent === 'is started anew') await running.stop({ instances: 'leave' });
    restore();
    // The plan has moved on before the agent hears of it.
    const second = nextObserved('running', 2);
    controlPlane.put('a', workload, 2, 'running');
    controlPlane.cutStreams();
    if (agent === 'is started anew') await harness.startAgent();
    await second;
    expect(runs(third)).toBe(false);
    const pid = pidOf(workload);
    expect(runs(pid)).toBe(true);
    const again = nextObserved('running', 3);
    controlPlane.put('a', workload, 3, 'running');
    await again;
    expect([runs(pid), runs(pidOf(workload))]).toEqual([false, true]);
  });
});
