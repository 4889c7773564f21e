import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { identityOf } from '../../../src/processes/embedded/process-identity';
import { writePidFile } from '../../../src/processes/embedded/pid-files';
import {
  claimRunDirectory,
  createRunDirectory,
  DirectoryInUseError,
  workersDirectoryOf,
} from '../../../src/processes/embedded/run-directory';
import { cleanUp, closed, node, printed, temporaryDirectory } from './support';

afterEach(cleanUp);

const quiet = () => undefined;
const forever = 'setInterval(() => {}, 1000); console.log("up")';
const deadOwner = JSON.stringify({ pid: 4_000_000, startTime: 'x' });

/** A run's directory whose owner has died. */
async function deadRun(temporary: string): Promise<string> {
  const { path } = await createRunDirectory('dead', quiet, temporary);
  writeFileSync(join(path, 'owner.json'), deadOwner);
  return path;
}

test('a start ends and deletes what a dead run left, and nothing of a living one', async () => {
  const temporary = temporaryDirectory();
  const living = await createRunDirectory('living', quiet, temporary);
  const dead = await deadRun(temporary);
  const left = node(forever);
  await printed(left, 'up');
  writePidFile(dead, 'server', left.pid);

  const fresh = await createRunDirectory('fresh', quiet, temporary);
  await closed(left);
  expect(left.signalCode).toBe('SIGTERM');
  expect(existsSync(dead)).toBe(false);
  expect(existsSync(living.path)).toBe(true);
  expect(readdirSync(dirname(fresh.path))).toHaveLength(2);
  fresh.remove();
  expect(existsSync(fresh.path)).toBe(false);
});

test('agents of local workers outlive a dead run until its data goes', async () => {
  const temporary = temporaryDirectory();
  const dead = await deadRun(temporary);
  const agent = node(forever);
  await printed(agent, 'up');
  const place = join(workersDirectoryOf(dead), 'worker-1');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'spawned.json'), JSON.stringify(identityOf(agent.pid)));
  await createRunDirectory('next', quiet, temporary);
  await closed(agent);
  expect(agent.signalCode).toBe('SIGINT');
  expect(existsSync(dead)).toBe(false);
});

test('one that cannot be cleared away is said, and holds nobody up', async () => {
  const temporary = temporaryDirectory();
  writeFileSync(workersDirectoryOf(await deadRun(temporary)), 'not a directory');
  const lines: string[] = [];
  await createRunDirectory('next', (line) => lines.push(line), temporary);
  expect(lines).toEqual([expect.stringMatching(/could not clear away .*ENOTDIR/)]);
});

test('a directory that was kept is there for a day, without its processes', async () => {
  const temporary = temporaryDirectory();
  const kept = await createRunDirectory('failed', quiet, temporary);
  kept.keep();
  writeFileSync(join(kept.path, 'owner.json'), deadOwner);
  const left = node(forever);
  await printed(left, 'up');
  writePidFile(kept.path, 'server', left.pid);

  await createRunDirectory('next', quiet, temporary);
  await closed(left);
  expect(existsSync(join(kept.path, 'keep'))).toBe(true);

  const yesterday = Date.now() / 1000 - 25 * 60 * 60;
  utimesSync(join(kept.path, 'keep'), yesterday, yesterday);
  await createRunDirectory('later', quiet, temporary);
  expect(existsSync(kept.path)).toBe(false);
});

test('a directory whose maker died before it was owned is deleted', async () => {
  const temporary = temporaryDirectory();
  const { path } = await createRunDirectory('first', quiet, temporary);
  const abandoned = join(dirname(path), 'making-4000000-abc');
  const making = join(dirname(path), `making-${process.pid}-abc`);
  [abandoned, making].forEach((directory) => mkdirSync(directory));
  await createRunDirectory('second', quiet, temporary);
  expect([existsSync(abandoned), existsSync(making)]).toEqual([false, true]);
});

test('a place that others can write to is refused', async () => {
  const temporary = temporaryDirectory();
  const { path } = await createRunDirectory('first', quiet, temporary);
  chmodSync(dirname(path), 0o777);
  await expect(createRunDirectory('second', quiet, temporary)).rejects.toThrow(/nobody else can write/);
});

test('a lasting directory is refused while its owner lives, and taken over with its data when it is dead', async () => {
  const path = join(temporaryDirectory(), '.berth');
  const first = await claimRunDirectory(path, quiet);
  writeFileSync(join(path, 'data'), 'kept');
  await expect(claimRunDirectory(path, quiet)).rejects.toThrow(DirectoryInUseError);

  const left = node(forever);
  await printed(left, 'up');
  writePidFile(path, 'server', left.pid);
  writeFileSync(join(path, 'owner.json'), deadOwner);
  const second = await claimRunDirectory(path, quiet);
  await closed(left);
  expect(left.signalCode).toBe('SIGTERM');
  expect(existsSync(join(path, 'data'))).toBe(true);
  second.release();
  await expect(claimRunDirectory(path, quiet)).resolves.toMatchObject({ path: first.path });
});
