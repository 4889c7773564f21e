import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildStartError, startChild } from '../../../src/processes/embedded/child';
import type { Child } from '../../../src/processes/embedded/child';
import { identityOf } from '../../../src/processes/embedded/process-identity';
import { cleanUp, printed, temporaryDirectory, typescript, until } from './support';

const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop(0)));
  await cleanUp();
});

const quiet = (): void => undefined;

async function start(script: string, directory = temporaryDirectory(), report: (line: string) => void = quiet) {
  const args = ['-e', script];
  const command = process.execPath;
  const child = await startChild({ name: 'child', command, args, env: process.env, directory, report });
  children.push(child);
  return child;
}

const says = (child: Child, text: string) => until(() => readFileSync(child.logPath, 'utf8').includes(text));

test('output goes to the log, the identity on record, and both survive the end', async () => {
  const directory = temporaryDirectory();
  const child = await start('console.log("out"); console.error("err"); setInterval(() => {}, 1000)', directory);
  await says(child, 'err');
  expect(readFileSync(join(directory, 'logs', 'child.log'), 'utf8')).toBe('out\nerr\n');
  expect(JSON.parse(readFileSync(join(directory, 'pids', 'child.json'), 'utf8'))).toEqual(identityOf(child.pid));
  expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  expect(child.isRunning()).toBe(false);
  expect(existsSync(join(directory, 'pids', 'child.json'))).toBe(false);
  await expect(child.exited).resolves.toEqual({ code: null, signal: 'SIGTERM' });
});

test('a child that does not listen is killed after the grace', async () => {
  const child = await start('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)');
  await says(child, 'up');
  expect(await child.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
});

test('an unexpected end is reported with the log’s place, an asked one is not', async () => {
  const lines: string[] = [];
  const directory = temporaryDirectory();
  const failing = await start('process.exit(3)', directory, (line) => lines.push(line));
  expect(await failing.exited).toEqual({ code: 3, signal: null });
  expect(lines).toEqual([`child ended unexpectedly (code 3), see ${failing.logPath}`]);
  const asked = await start('setInterval(() => {}, 1000)', directory, (line) => lines.push(line));
  await asked.stop();
  expect(lines).toHaveLength(1);
});

test('a command that does not exist is an error that names it', async () => {
  const options = { name: 'ghost', command: '/no/such/thing', args: [], env: {}, directory: temporaryDirectory() };
  await expect(startChild({ ...options, report: () => undefined })).rejects.toThrow(ChildStartError);
  await expect(startChild({ ...options, report: () => undefined })).rejects.toThrow(/ghost .*\/no\/such\/thing/);
});

test('a second start appends to the log and knows where it begins; a huge log is put aside', async () => {
  const directory = temporaryDirectory();
  await (await start('console.log("one")', directory)).exited;
  const second = await start('console.log("two")', directory);
  await second.exited;
  expect(readFileSync(second.logPath, 'utf8')).toBe('one\ntwo\n');
  expect(second.logStart).toBe(4);
  writeFileSync(second.logPath, Buffer.alloc(11 * 1024 * 1024));
  const third = await start('console.log("three")', directory);
  await third.exited;
  expect(readFileSync(third.logPath, 'utf8')).toBe('three\n');
  expect(statSync(`${third.logPath}.old`).size).toBe(11 * 1024 * 1024);
});

test('a parent that ends without stopping its children takes them along', async () => {
  const parent = typescript('parent.fixture.ts', [temporaryDirectory()]);
  const pid = Number(/child (\d+)/.exec(await printed(parent, '\n'))?.[1]);
  expect(identityOf(pid)).toBeDefined();
  parent.kill('SIGTERM');
  await until(() => identityOf(pid) === undefined);
});
