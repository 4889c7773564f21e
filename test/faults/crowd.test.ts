import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceReply } from '../support/client';
import { noopComponent } from '../support/client';
import { chance } from '../support/chance';
import { budget } from './harness/budget';
import { FaultStack } from './harness/fault-stack';
import type { SteadyClient } from './harness/steady-client';
import { nothingBroken, verdict } from './harness/verdict';
import { Pool } from './harness/pool';

const createsCount = 300;
/** Together they hold fewer than half of the instances, so that most wait for room. */
const workersCount = 3;
const instancesPerWorker = 40;
/** Every so many-th instance is a real process, and the witness of what ran. */
const realEvery = 6;
const requestsAtOnce = 24;
const restartedRatio = 0.15;
const killsOfEach = 2;

const seeds = Array.from({ length: budget.rounds }, (_, round) => budget.seed + round);

describe.each(seeds)('seed %d', (seed) => {
  let stack: FaultStack;

  beforeAll(async () => {
    stack = await FaultStack.start({ api: 2, control: 2 });
  }, 240_000);

  afterAll(() => stack?.end(), 120_000);

  test('300 creates by two api processes, placed by two control processes on three small workers, while one of each is killed', async () => {
    const random = chance(seed);
    const api = stack.client();
    for (let n = 0; n < workersCount; n++) await api.makeWorker({ memory: `${instancesPerWorker * 16}Mi`, from: 21_000 + n * 1_000, to: 21_399 + n * 1_000 });
    const real = await api.define({ components: [stack.runs.component()] });
    const light = await api.define({ components: [noopComponent] });

    const numbers = Array.from({ length: createsCount }, (_, n) => n);
    const killing = killOneOfEach(stack, random);
    const ids: string[] = [];
    await new Pool(requestsAtOnce).run(numbers, async (n) => {
      const { id } = await api.must<InstanceReply>('POST', '/instances', { definition: n % realEvery === 0 ? real : light });
      ids.push(id);
    });
    await Promise.all(ids.map((id) => liveAndDie(api, id, random() < restartedRatio)));
    await killing;

    expect(stack.runs.starts.length).toBeGreaterThanOrEqual(createsCount / realEvery);
    expect(await verdict(stack, { expectEmpty: true })).toBe(nothingBroken);
  }, 600_000);
});

/** The rest of one instance's life: some are stopped and started on the way, and each end makes room for one that waits. */
async function liveAndDie(api: SteadyClient, id: string, isRestarted: boolean): Promise<void> {
  const reaches = (phase: string) => api.reaches('instances', id, phase, 300_000);
  await reaches('RUNNING');
  if (isRestarted) {
    await api.must('POST', `/instances/${id}/stop`);
    await reaches('STOPPED');
    await api.must('POST', `/instances/${id}/start`);
    await reaches('RUNNING');
  }
  await api.must('DELETE', `/instances/${id}`);
  await reaches('TERMINATED');
}

/** Kills a process of each kind, at moments of chance, and sees it come back. */
async function killOneOfEach(stack: FaultStack, random: () => number): Promise<void> {
  const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)]!;
  const pause = () => sleep(500 + random() * 2_500);
  for (let round = 0; round < killsOfEach; round++) {
    for (const kind of [stack.apis, stack.controls]) {
      await pause();
      const process = pick(kind);
      const earlier = process.deaths.length;
      await process.kill();
      await process.settled();
      const [killed, ...failedStarts] = process.deaths.slice(earlier);
      expect(killed).toBe('SIGKILL');
      // On a slow machine a start may give up on a server, and says so; whoever supervises it starts it again.
      expect(failedStarts.filter((death) => !death.startsWith('code 1: '))).toEqual([]);
    }
    await pause();
    await stack.agents.kill(pick(stack.agents.pids));
    await pause();
    await stack.agents.startAll();
    expect(stack.agents.pids).toHaveLength(workersCount);
  }
}
