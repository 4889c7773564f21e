import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type { Workload } from '../../src/domain/workload';
import { componentOf, eventually, freePort, Harness, recordedPid, runs, script, serverOf, workloadOf } from './harness';

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(() => harness.end());

async function failureOf(workload: Workload): Promise<unknown> {
  harness.controlPlane.put('a', workload, 1, 'running');
  return (await harness.controlPlane.observed('a', 'failed', 1)).failure;
}

describe('a start fails', () => {
  beforeEach(() => harness.startAgent());

  test('when the command is not there', async () => {
    const failure = await failureOf(workloadOf({ command: ['no-such-command', '-x'] }));
    expect(failure).toEqual({ class: 'configuration', reason: 'CommandNotFound', message: 'component "main": command not found: no-such-command' });
  });

  test('when the command may not be executed', async () => {
    const failure = await failureOf(workloadOf({ command: ['./plain.txt'] }, { files: { 'plain.txt': 'text' } }));
    expect(failure).toMatchObject({ class: 'configuration', reason: 'CommandNotExecutable' });
  });

  test('when a component ends before another is ready, with its exit code and its last words', async () => {
    const quitter = componentOf('quitter', { command: script('console.error("no licence"); process.exit(7)') });
    const server = serverOf(await freePort(), { delayMs: 60_000, timeoutMs: 60_000 });
    const workload = { ...server, components: [...server.components, quitter] };
    const failure = await failureOf(workload);
    expect(failure).toMatchObject({ class: 'transient', reason: 'ExitedEarly' });
    expect(failure).toHaveProperty('message', expect.stringMatching(/"quitter" ended .*: exit code 7; it last wrote: no licence$/));
    expect((await harness.controlPlane.observed('a', 'failed')).components).toEqual({
      main: { state: 'stopped' },
      quitter: { state: 'failed', exitCode: 7 },
    });
    expect(recordedPid(harness.directory, workload.instanceId)).toBeUndefined();
  });

  test('when it is not ready in time, and nothing of it stays', async () => {
    const workload = serverOf(await freePort(), { delayMs: 60_000, timeoutMs: 400 });
    const failure = await failureOf(workload);
    expect(failure).toMatchObject({ class: 'transient', reason: 'ReadinessTimeout', message: expect.stringContaining('ECONNREFUSED') });
    expect(recordedPid(harness.directory, workload.instanceId)).toBeUndefined();
  });

  test('when one of its ports is taken; that port is told as held by the host with the same request', async () => {
    const stranger = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as net.AddressInfo;
    const failure = await failureOf(serverOf(port));
    stranger.close();
    expect(failure).toMatchObject({ class: 'host', reason: 'PortTaken', message: expect.stringContaining(`port ${port} ("http")`) });
    expect(harness.controlPlane.hostPorts.at(-1)).toContain(port);
  });

  test.each([['../outside'], ['/tmp/berth-outside'], ['a/../../outside'], ['.berth/logs/main.log'], ['.'], ['dir/'], ['a\0b']])(
    'when a file is to be written to %j',
    async (file) => {
      const workload = workloadOf({}, { files: { 'fine.txt': '', [file]: 'x' } });
      expect(await failureOf(workload)).toMatchObject({ class: 'configuration', reason: 'UnsafePath' });
      expect(existsSync(path.join(harness.instanceDirectory(workload), 'fine.txt'))).toBe(false);
      expect(existsSync(path.join(harness.directory, 'instances/outside'))).toBe(false);
    },
  );

  test.each([['data/file', 'data'], ['file', 'file']])('when its file %s would leave by the link %s of an earlier attempt', async (file, link) => {
    const outside = path.join(harness.directory, 'outside');
    writeFileSync(outside, 'untouched');
    const first = workloadOf({});
    harness.controlPlane.put('a', first, 0, 'running');
    await harness.controlPlane.observed('a', 'running');
    symlinkSync(file === link ? outside : harness.directory, path.join(harness.instanceDirectory(first), link));

    expect(await failureOf({ ...first, files: { [file]: 'x' } })).toMatchObject({ reason: 'UnsafePath' });
    expect(await readFile(outside, 'utf8')).toBe('untouched');
    expect(existsSync(path.join(harness.directory, 'file'))).toBe(false);
  });

  test('when the host has no such runtime', async () => {
    const workload = workloadOf({ ...({ runtime: 'container' } as object) });
    expect(await failureOf(workload)).toMatchObject({ class: 'configuration', reason: 'UnknownRuntime' });
  });

  test('when its document is another than the hash says', async () => {
    const { controlPlane } = harness;
    await controlPlane.until(() => controlPlane.openStreams === 1, 'a stream');
    const entry = controlPlane.put('x', workloadOf({}), 1, 'absent');
    const forged = { ...entry, allocationId: 'a', wanted: 'running' as const, workloadHash: '0'.repeat(64), revision: '900' };
    controlPlane.workloads.set(forged.workloadHash, workloadOf({}));
    controlPlane.send({ event: 'entry', data: forged });
    expect((await controlPlane.observed('a', 'failed')).failure).toMatchObject({ class: 'transient', reason: 'WorkloadCorrupt' });
  });

  test('and the next attempt succeeds', async () => {
    const workload = workloadOf({ command: ['no-such-command'] });
    await failureOf(workload);
    harness.controlPlane.put('a', { ...workload, components: [componentOf('main', {})] }, 2, 'running');
    await harness.controlPlane.observed('a', 'running', 2);
  });
});

describe('while running', () => {
  beforeEach(() => harness.startAgent());

  test('the crash of a component ends the others, and is told with signal and last words', async () => {
    const { controlPlane } = harness;
    const talker = componentOf('talker', { command: script('console.log("goodbye"); setInterval(() => {}, 1000)') });
    const workload = workloadOf({}, { components: [componentOf('main', {}), talker] });
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'running');
    const main = recordedPid(harness.directory, workload.instanceId)!;
    const log = path.join(harness.instanceDirectory(workload), '.berth/logs/talker.log');
    await eventually(async () => (await readFile(log, 'utf8')) !== '', 'it has spoken');

    process.kill(recordedPid(harness.directory, workload.instanceId, 'talker')!, 'SIGKILL');
    const failed = await controlPlane.observed('a', 'failed');
    expect(failed.failure).toEqual({
      class: 'transient',
      reason: 'ComponentExited',
      message: 'component "talker" ended while the instance was running: signal SIGKILL; it last wrote: goodbye',
    });
    expect(failed.components).toEqual({ main: { state: 'stopped' }, talker: { state: 'failed', signal: 'SIGKILL' } });
    expect(runs(main)).toBe(false);
  });

  test('what its main process leaves behind in its group is ended with it', async () => {
    const { controlPlane } = harness;
    const source = 'const { pid } = require("node:child_process").spawn("sleep", ["600"]); require("fs").writeFileSync("child", String(pid)); process.exit(1)';
    const workload = workloadOf({ command: script(source) });
    controlPlane.put('a', workload, 1, 'running');
    await controlPlane.observed('a', 'failed');
    const child = Number(await readFile(path.join(harness.instanceDirectory(workload), 'child'), 'utf8'));
    expect(child).toBeGreaterThan(1);
    expect(runs(child)).toBe(false);
  });

  test('the end of all components with code 0 is no failure', async () => {
    const { controlPlane } = harness;
    controlPlane.put('a', workloadOf({ command: ['true'] }), 1, 'running');
    const exited = await controlPlane.observed('a', 'exited');
    expect(exited.failure).toBeUndefined();
    expect(exited.components).toEqual({ main: { state: 'exited', exitCode: 0 } });
  });

  test('the end of one of several components is one, whatever its code', async () => {
    const { controlPlane } = harness;
    const workload = workloadOf({}, { components: [componentOf('main', {}), componentOf('done', { command: ['sleep', '0.2'] })] });
    controlPlane.put('a', workload, 1, 'running');
    const failed = await controlPlane.observed('a', 'failed');
    expect(failed.failure).toMatchObject({ reason: 'ComponentExited', message: expect.stringContaining('"done" ended while the instance was running: exit code 0') });
    expect(failed.components).toEqual({ main: { state: 'stopped' }, done: { state: 'exited', exitCode: 0 } });
  });

  test('a component that ignores its signal is killed after its grace', async () => {
    const { controlPlane } = harness;
    const source = 'process.on("SIGINT", () => {}); setInterval(() => {}, 1000); require("fs").writeFileSync("armed", "")';
    const workload = workloadOf({ command: script(source), stop: { signal: 'SIGINT', graceMs: 200 } });
    controlPlane.put('a', workload, 1, 'running');
    await eventually(() => existsSync(path.join(harness.instanceDirectory(workload), 'armed')), 'it ignores SIGINT');
    const pid = recordedPid(harness.directory, workload.instanceId)!;
    const begun = Date.now();
    controlPlane.put('a', workload, 1, 'stopped');
    await controlPlane.observed('a', 'stopped');
    expect(Date.now() - begun).toBeGreaterThanOrEqual(200);
    expect(runs(pid)).toBe(false);
  });

  test('components see little of the agent\'s environment', async () => {
    process.env.BERTH_TEST_SECRET = 'secret';
    const workload = workloadOf({ command: script('require("fs").writeFileSync("env.json", JSON.stringify(process.env))'), environment: { MINE: 'yes' } });
    harness.controlPlane.put('a', workload, 1, 'running');
    await harness.controlPlane.observed('a', 'exited');
    delete process.env.BERTH_TEST_SECRET;
    const directory = harness.instanceDirectory(workload);
    const seen = JSON.parse(await readFile(path.join(directory, 'env.json'), 'utf8')) as Record<string, string>;
    expect(seen).toMatchObject({ MINE: 'yes', HOME: directory });
    expect(Object.keys(seen).sort()).toEqual(['BERTH_INSTANCE_DIRECTORY', 'HOME', 'LANG', 'MINE', 'PATH']);
  });
});
