import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Workload } from '../../src/domain/workload';
import { componentOf, eventually, freePort, Harness, recordedPid, runs, script, serverOf, workloadOf } from './harness';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.end());

/** The process of a component that is perhaps only about to be started. */
async function startedPid(workload: Workload): Promise<number> {
  const pid = (): number | undefined => recordedPid(harness.directory, workload.instanceId);
  await eventually(() => pid() !== undefined, 'the process is started');
  return pid()!;
}

describe('an allocation', () => {
  test('is started, answers on its port, is stopped with its directory kept, and removed', async () => {
    const { controlPlane } = harness;
    const port = await freePort();
    const workload = serverOf(port, { files: { 'etc/greeting.txt': 'hello' } });
    const directory = harness.instanceDirectory(workload);
    await harness.startAgent();

    const planned = controlPlane.put('a', workload, 1, 'running');
    const running = await controlPlane.observed('a', 'running');
    expect(running).toMatchObject({ attempt: 1, instanceId: workload.instanceId, planRevision: planned.revision });
    expect(running.components).toEqual({ main: { state: 'ready' } });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe(`hello from ${directory}`);
    expect(readFileSync(path.join(directory, 'etc/greeting.txt'), 'utf8')).toBe('hello');
    const pid = recordedPid(harness.directory, workload.instanceId)!;
    expect(runs(pid)).toBe(true);

    controlPlane.put('a', workload, 1, 'stopped');
    const stopped = await controlPlane.observed('a', 'stopped');
    expect(stopped.components).toEqual({ main: { state: 'stopped' } });
    expect(runs(pid)).toBe(false);
    expect(existsSync(directory)).toBe(true);

    controlPlane.put('a', workload, 2, 'running');
    await controlPlane.observed('a', 'running', 2);
    const second = recordedPid(harness.directory, workload.instanceId)!;
    const absent = controlPlane.put('a', workload, 2, 'absent');
    expect(await controlPlane.observed('a', 'absent')).toMatchObject({ attempt: 2, planRevision: absent.revision });
    expect(runs(second)).toBe(false);
    expect(existsSync(directory)).toBe(false);

    controlPlane.remove('a');
    await eventually(() => !existsSync(path.join(harness.directory, 'plan/a.json')), 'the entry is forgotten');
    await eventually(() => !existsSync(path.join(harness.directory, 'workloads', `${planned.workloadHash}.json`)), 'the workload is forgotten');
  });

  test('that was never started and is wanted absent is observed absent at once', async () => {
    await harness.startAgent();
    harness.controlPlane.put('a', workloadOf({}), 1, 'absent');
    await harness.controlPlane.observed('a', 'absent');
    expect(harness.controlPlane.observations.map(({ state }) => state)).toEqual(['absent']);
    expect(harness.controlPlane.requests.some((request) => request.includes('/workloads/'))).toBe(false);
  });

  test('of the noop runtime runs without a process and without a directory', async () => {
    const workload = workloadOf({ runtime: 'noop', command: [] });
    await harness.startAgent();
    harness.controlPlane.put('a', workload, 1, 'running');
    await harness.controlPlane.observed('a', 'running');
    expect(existsSync(harness.instanceDirectory(workload))).toBe(false);
    harness.controlPlane.put('a', workload, 1, 'absent');
    await harness.controlPlane.observed('a', 'absent');
  });

  test('starts slowly: it is seen starting, and a stop half-way is obeyed at once', async () => {
    const { controlPlane } = harness;
    const workload = serverOf(await freePort(), { delayMs: 60_000, timeoutMs: 60_000 });
    await harness.startAgent({ startingObservedAfterMs: 50 });
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'starting');
    const pid = await startedPid(workload);

    controlPlane.put('a', workload, 1, 'stopped');
    await controlPlane.observed('a', 'stopped');
    expect(runs(pid)).toBe(false);
    expect(controlPlane.observations.map(({ state }) => state)).toEqual(['starting', 'stopped']);
  });

  test('starts quickly: it is never seen starting', async () => {
    const workload = workloadOf({});
    await harness.startAgent();
    harness.controlPlane.put('a', workload, 1, 'running');
    await harness.controlPlane.observed('a', 'running');
    expect(harness.controlPlane.observations.map(({ state }) => state)).toEqual(['running']);
  });

  test('goes from one attempt to a newer one, and nothing of the older stays', async () => {
    const { controlPlane } = harness;
    const workload = serverOf(await freePort(), { delayMs: 60_000, timeoutMs: 60_000 });
    await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    const first = await startedPid(workload);
    const quick = { ...workload, components: [componentOf('other', {})] };
    controlPlane.put('a', quick, 2, 'running');
    expect(await controlPlane.observed('a', 'running')).toMatchObject({ attempt: 2, components: { other: { state: 'running' } } });
    expect(runs(first)).toBe(false);
    expect(recordedPid(harness.directory, workload.instanceId)).toBeUndefined();
  });

  test('is never started at or below an attempt that was stopped', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    await harness.startAgent();
    controlPlane.put('a', workload, 2, 'stopped');
    await controlPlane.observed('a', 'stopped');
    const late = controlPlane.put('a', workload, 2, 'running');
    await controlPlane.until(() => controlPlane.observations.some(({ planRevision }) => planRevision === late.revision), 'an answer');
    expect(controlPlane.observations.at(-1)).toMatchObject({ state: 'stopped', attempt: 2 });
    controlPlane.put('a', workload, 1, 'running');
    controlPlane.put('a', workload, 3, 'running');
    await controlPlane.observed('a', 'running');
    expect(controlPlane.observations.filter(({ state }) => state === 'running').map(({ attempt }) => attempt)).toEqual([3]);
  });

  test('obeys a stop even if the plan wants it running again before the stop was acted on', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    const pid = recordedPid(harness.directory, workload.instanceId)!;
    controlPlane.put('a', workload, 1, 'stopped');
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'stopped');
    expect(runs(pid)).toBe(false);
    expect(controlPlane.observations.at(-1)).toMatchObject({ state: 'stopped', attempt: 1 });
  });

  test('twice told is started once', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({ command: script('require("fs").appendFileSync("starts", "x"); setInterval(() => {}, 1000)') });
    const starts = path.join(harness.instanceDirectory(workload), 'starts');
    await harness.startAgent();
    const entry = controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    await eventually(() => existsSync(starts), 'the process has begun');
    const pid = await startedPid(workload);

    controlPlane.send({ event: 'entry', data: entry });
    controlPlane.send(controlPlane.snapshot());
    const again = controlPlane.put('a', workload, 1, 'running');
    await controlPlane.until(() => controlPlane.observations.some(({ planRevision }) => planRevision === again.revision), 'it is told again');
    controlPlane.send({ event: 'entry', data: { ...entry, wanted: 'absent' } });
    controlPlane.put('b', workloadOf({}), 1, 'running');
    await controlPlane.observed('b', 'running');
    expect(readFileSync(starts, 'utf8')).toBe('x');
    expect([recordedPid(harness.directory, workload.instanceId), runs(pid)]).toEqual([pid, true]);
    expect(controlPlane.observations.filter(({ state }) => state !== 'running')).toEqual([]);
  });

  test('that a snapshot shows no more is stopped and removed without a word', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    const pid = recordedPid(harness.directory, workload.instanceId)!;
    controlPlane.removeSilently('a');
    controlPlane.cutStreams();
    await eventually(() => !runs(pid) && !existsSync(harness.instanceDirectory(workload)), 'it is removed');
    await eventually(() => !existsSync(path.join(harness.directory, 'plan/a.json')), 'it is forgotten');
    expect(controlPlane.observations.map(({ state }) => state)).toEqual(['running']);
  });

  test('that is superseded is removed, and stays so though the plan still shows it', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({});
    const directory = harness.instanceDirectory(workload);
    await harness.startAgent();
    controlPlane.superseded.add('a');
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    await eventually(() => !existsSync(path.join(harness.directory, 'plan/a.json')) && !existsSync(directory), 'it is removed');
    controlPlane.send(controlPlane.snapshot());
    controlPlane.put('b', workloadOf({}), 1, 'running');
    await controlPlane.observed('b', 'running');
    expect(controlPlane.observations.filter(({ allocationId }) => allocationId === 'a')).toHaveLength(1);
  });

  test('waits for the former allocation of its instance to be gone', async () => {
    const { controlPlane } = harness;
    const stubborn = script('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); require("fs").writeFileSync("armed", "")');
    const workload = workloadOf({ command: stubborn, stop: { signal: 'SIGTERM', graceMs: 300 } }, { files: { mine: 'first' } });
    const directory = harness.instanceDirectory(workload);
    await harness.startAgent();
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    await eventually(() => existsSync(path.join(directory, 'armed')), 'it ignores SIGTERM');
    const first = recordedPid(harness.directory, workload.instanceId)!;

    controlPlane.put('a', workload, 1, 'absent');
    controlPlane.put('b', { ...workload, components: [componentOf('main', {})], files: { mine: 'second' } }, 1, 'running');
    await controlPlane.observed('b', 'running');
    expect(controlPlane.observations.map(({ allocationId, state }) => `${allocationId} ${state}`)).toContain('a absent');
    expect(runs(first)).toBe(false);
    expect(readFileSync(path.join(directory, 'mine'), 'utf8')).toBe('second');
  });
});
