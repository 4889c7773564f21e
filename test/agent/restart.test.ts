import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Workload } from '../../src/domain/workload';
import { componentOf, eventually, freePort, Harness, killed, recordedPid, runs, script, serverOf, workloadOf } from './harness';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.end());

const pidOf = (workload: Workload, component?: string): number | undefined => recordedPid(harness.directory, workload.instanceId, component);

/** Starts a workload under an agent process, and kills that agent without notice. */
async function leftBehind(workload: Workload): Promise<number> {
  const agent = harness.startAgentProcess();
  harness.controlPlane.put('a', workload, 1, 'running');
  await harness.controlPlane.observed('a', 'running');
  await killed(agent, 'SIGKILL');
  harness.controlPlane.observations.length = 0;
  return pidOf(workload)!;
}

async function registered(count: number): Promise<void> {
  await harness.controlPlane.until(() => harness.controlPlane.registrations.length === count, `${count} registrations`);
}

describe('after its restart the agent', () => {
  test('adopts what runs: the same process, told anew, not started again, and stopped when it is to be', async () => {
    const { controlPlane } = harness;
    const port = await freePort();
    const workload = serverOf(port);
    const pid = await leftBehind(workload);
    expect(runs(pid)).toBe(true);

    await harness.startAgent();
    expect(await controlPlane.observed('a', 'running')).toMatchObject({ attempt: 1, components: { main: { state: 'ready' } } });
    expect(pidOf(workload)).toBe(pid);
    expect((await fetch(`http://127.0.0.1:${port}/`)).ok).toBe(true);
    expect(controlPlane.registrations.at(-1)!.hostPorts).not.toContain(port);

    controlPlane.put('a', workload, 1, 'absent');
    await controlPlane.observed('a', 'absent');
    expect(runs(pid)).toBe(false);
    expect(existsSync(harness.instanceDirectory(workload))).toBe(false);
  });

  test('does not probe again what was ready', async () => {
    const port = await freePort();
    const source = `const server = require('node:http').createServer((_, response) => response.end('once', () => server.close())).listen(${port}, '127.0.0.1'); setInterval(() => {}, 999)`;
    const workload = { ...serverOf(port, { timeoutMs: 2_000 }) };
    const pid = await leftBehind({ ...workload, components: [{ ...workload.components[0]!, command: script(source) }] });
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    await harness.startAgent();
    await harness.controlPlane.observed('a', 'running');
    expect(runs(pid)).toBe(true);
  });

  test('does so without a control plane', async () => {
    const workload = workloadOf({});
    const pid = await leftBehind(workload);
    await harness.controlPlane.close();
    await harness.startAgent();
    process.kill(pid, 'SIGKILL');
    await eventually(() => pidOf(workload) === undefined, 'the agent has noticed');
    await harness.controlPlane.listen();
    expect((await harness.controlPlane.observed('a', 'failed')).failure).toMatchObject({ reason: 'ComponentExited' });
  });

  test('tells what was lost meanwhile, and ends the rest of it', async () => {
    const workload = workloadOf({}, { components: [componentOf('main', {}), componentOf('lost', {})] });
    const pid = await leftBehind(workload);
    const lost = pidOf(workload, 'lost')!;
    process.kill(lost, 'SIGKILL');
    await eventually(() => !runs(lost), 'it is gone');
    await harness.startAgent();
    const failed = await harness.controlPlane.observed('a', 'failed');
    expect(failed.failure).toEqual({ class: 'transient', reason: 'ProcessLost', message: 'ended while no agent was running: "lost"' });
    expect(runs(pid)).toBe(false);
  });

  test('never takes a stranger for its process that was given the same pid', async () => {
    const workload = workloadOf({});
    const pid = await leftBehind(workload);
    const file = path.join(harness.directory, 'processes', workload.instanceId, 'main.json');
    const record = JSON.parse(readFileSync(file, 'utf8')) as object;
    const stranger = process.pid;
    writeFileSync(file, JSON.stringify({ ...record, pid: stranger }));
    await harness.startAgent();
    expect((await harness.controlPlane.observed('a', 'failed')).failure).toMatchObject({ reason: 'ProcessLost' });
    // This very process is the stranger, and still here. What the record does not name any more is found by its marker.
    expect(runs(pid)).toBe(false);
  });

  test('finds a process whose start was not recorded in time', async () => {
    const workload = workloadOf({});
    const pid = await leftBehind(workload);
    writeFileSync(path.join(harness.directory, 'processes', workload.instanceId, 'main.json'), '');
    await harness.startAgent();
    await harness.controlPlane.observed('a', 'failed');
    expect(runs(pid)).toBe(false);
  });

  test('does not repeat an attempt that had failed, and tells its failure again', async () => {
    const { controlPlane } = harness;
    const first = await harness.startAgent();
    const workload = workloadOf({ command: ['no-such-command'] });
    controlPlane.put('a', workload, 1, 'running');
    const { failure } = await controlPlane.observed('a', 'failed');
    await harness.stopAgent(first, 'leave');
    controlPlane.observations.length = 0;
    await harness.startAgent();
    expect((await controlPlane.observed('a', 'failed')).failure).toEqual(failure);
  });

  test('goes on waiting for a start that was half-way', async () => {
    const { controlPlane } = harness;
    const workload = serverOf(await freePort(), { delayMs: 3_000 });
    const agent = harness.startAgentProcess();
    controlPlane.put('a', workload, 1, 'running');
    await eventually(() => pidOf(workload) !== undefined, 'it is started');
    const pid = pidOf(workload)!;
    await killed(agent, 'SIGKILL');
    await harness.startAgent();
    expect((await controlPlane.observed('a', 'running')).components).toEqual({ main: { state: 'ready' } });
    expect(pidOf(workload)).toBe(pid);
  });

  test('obeys a stop that it had heard of and not finished', async () => {
    const { controlPlane } = harness;
    const source = 'process.on("SIGTERM", () => require("fs").writeFileSync("asked", "")); setInterval(() => {}, 1000); require("fs").writeFileSync("armed", "")';
    const workload = workloadOf({ command: script(source), stop: { signal: 'SIGTERM', graceMs: 600 } });
    const file = (name: string): boolean => existsSync(path.join(harness.instanceDirectory(workload), name));
    const agent = harness.startAgentProcess();
    controlPlane.put('a', workload, 1, 'running');
    await eventually(() => file('armed'), 'it ignores SIGTERM');
    const pid = pidOf(workload)!;
    controlPlane.put('a', workload, 1, 'stopped');
    await eventually(() => file('asked'), 'it is asked to stop');
    await killed(agent, 'SIGKILL');
    await controlPlane.close();
    await harness.startAgent();
    await eventually(() => !runs(pid), 'the next agent stops it');
    await controlPlane.listen();
    await controlPlane.observed('a', 'stopped');
  });

  test('hears of a removal that it has missed', async () => {
    const workload = workloadOf({});
    const pid = await leftBehind(workload);
    harness.controlPlane.removeSilently('a');
    await harness.startAgent();
    await eventually(() => !runs(pid) && !existsSync(harness.instanceDirectory(workload)), 'it is removed');
  });
});

describe('an agent process', () => {
  async function running(workload: Workload): Promise<{ agent: ChildProcess; pid: number }> {
    const agent = harness.startAgentProcess();
    harness.controlPlane.put('a', workload, 1, 'running');
    await harness.controlPlane.observed('a', 'running');
    return { agent, pid: pidOf(workload)! };
  }

  test('leaves its instances on SIGTERM', async () => {
    const { agent, pid } = await running(workloadOf({}));
    await killed(agent, 'SIGTERM');
    expect(agent.exitCode).toBe(0);
    expect(runs(pid)).toBe(true);
  });

  test('takes its instances with it on SIGINT, and the next one tells that they are lost', async () => {
    const { agent, pid } = await running(workloadOf({}));
    await killed(agent, 'SIGINT');
    expect(agent.exitCode).toBe(0);
    expect(runs(pid)).toBe(false);
    expect(harness.controlPlane.observations.at(-1)).toMatchObject({ state: 'running' });
    harness.startAgentProcess();
    expect((await harness.controlPlane.observed('a', 'failed')).failure).toMatchObject({ reason: 'ProcessLost' });
  });

  test('does not share its directory with another', async () => {
    const first = harness.startAgentProcess();
    await registered(1);
    const second = harness.startAgentProcess();
    await eventually(() => second.exitCode !== null, 'the second one ends');
    expect(second.exitCode).toBe(1);
    expect(first.exitCode).toBeNull();
    await killed(first, 'SIGKILL');
    harness.startAgentProcess();
    await registered(2);
  });
});
