import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { instanceDirectory } from '../../../src/drivers/runtimes/host-directory';
import { endGroup, markerVariable, reapAllInstances, reapInstance } from '../../../src/drivers/runtimes/process-group';
import { ProcessRecords } from '../../../src/drivers/runtimes/process-records';
import { identify, isAlive, isGroupAlive, membersOf } from '../../../src/drivers/runtimes/process-table';
import { eventually } from '../../agent/harness';

const gentle = { signal: 'SIGTERM', graceMs: 5_000 } as const;
const children: ChildProcess[] = [];
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'berth-group-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

function start(command: string[], environment: Record<string, string> = {}): ChildProcess & { pid: number } {
  const child = spawn(command[0]!, command.slice(1), { detached: true, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
  children.push(child);
  return child as ChildProcess & { pid: number };
}

function output(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => child.stdout!.once('data', (data: Buffer) => resolve(data.toString('utf8').trim())));
}

describe('endGroup', () => {
  test('ends the leader and its children, and only then resolves', async () => {
    const leader = start([process.execPath, '-e', 'console.log(require("node:child_process").spawn("sleep", ["600"]).pid); setInterval(() => {}, 999)']);
    const child = Number(await output(leader));
    const identity = identify(leader.pid)!;
    expect([...membersOf(leader.pid)].sort()).toEqual([leader.pid, child].sort());
    await endGroup(identity, gentle);
    expect(isGroupAlive(leader.pid)).toBe(false);
    expect(identify(child) === undefined || !isAlive(identify(child)!)).toBe(true);
    await endGroup(identity, gentle);
  });

  test('ends who is left of a group whose leader is gone, and who does not listen', async () => {
    // What a shell ignores its children ignore too.
    const leader = start(['sh', '-c', 'trap "" TERM; sleep 600 & echo $!']);
    const identity = identify(leader.pid)!;
    const child = identify(Number(await output(leader)))!;
    await eventually(() => !isAlive(identity), 'the leader is gone');
    expect(isGroupAlive(leader.pid)).toBe(true);
    await endGroup(identity, { signal: 'SIGTERM', graceMs: 100 });
    expect(isAlive(child)).toBe(false);
  });

  test('does not touch a process that was given the pid since', async () => {
    const stranger = start(['sleep', '600']);
    const identity = identify(stranger.pid)!;
    await endGroup({ ...identity, startTime: 'another' }, gentle);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, startTime: 'another' })).toBe(false);
  });
});

describe('reaping', () => {
  test('kills what is recorded, and leaves who was given a recorded pid since', async () => {
    const records = new ProcessRecords(directory);
    const [ours, stranger, other] = [start(['sleep', '600']), start(['sleep', '600']), start(['sleep', '600'])];
    const identities = [ours, stranger, other].map(({ pid }) => identify(pid)!);
    records.write('i', { ...identities[0]!, component: 'a', attempt: 1 });
    records.write('i', { ...identities[1]!, startTime: 'another', component: 'b', attempt: 1 });
    records.write('j', { ...identities[2]!, component: 'a', attempt: 1 });
    await reapInstance(directory, 'i');
    expect(identities.map(isAlive)).toEqual([false, true, true]);
    expect(records.instances()).toEqual(['j']);
    await reapAllInstances(directory);
    expect(identities.map(isAlive)).toEqual([false, true, false]);
    expect(records.instances()).toEqual([]);
  });

  test('kills who carries the marker of the instance, also in another group and without a record', async () => {
    const source = 'const { pid } = require("node:child_process").spawn("sleep", ["600"], { detached: true }); console.log(pid); process.exit()';
    const leader = start([process.execPath, '-e', source], { [markerVariable]: instanceDirectory(directory, 'i') });
    const escaped = identify(Number(await output(leader)))!;
    const neighbour = start(['sleep', '600'], { [markerVariable]: instanceDirectory(directory, 'i2') });
    const neighbourIdentity = identify(neighbour.pid)!;
    expect(isAlive(escaped)).toBe(true);
    await reapInstance(directory, 'i');
    expect(isAlive(escaped)).toBe(false);
    expect(isAlive(neighbourIdentity)).toBe(true);
    await reapAllInstances(directory);
    expect(isAlive(neighbourIdentity)).toBe(false);
  });

  test('records that name no process of ours are no records', () => {
    const records = new ProcessRecords(directory);
    for (const pid of [0, 1, -5, 1.5]) {
      records.write('i', { pid, startTime: 's', component: 'a', attempt: 1 });
      expect(records.read('i', 'a')).toBeUndefined();
    }
    expect(() => records.write('../i', { pid: 5, startTime: 's', component: 'a', attempt: 1 })).toThrow(RangeError);
    expect(() => records.write('i', { pid: 5, startTime: 's', component: '../a', attempt: 1 })).toThrow(RangeError);
  });
});
