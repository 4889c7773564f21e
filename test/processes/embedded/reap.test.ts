import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listPidFiles, writePidFile } from '../../../src/processes/embedded/pid-files';
import { reapProcesses } from '../../../src/processes/embedded/reap';
import { cleanUp, closed, node, printed, temporaryDirectory } from './support';

afterEach(cleanUp);

const forever = 'setInterval(() => {}, 1000); console.log("up")';

test('processes on record are ended, those of directories below included', async () => {
  const directory = temporaryDirectory();
  const [first, second] = [node(forever), node(forever)];
  await Promise.all([printed(first, 'up'), printed(second, 'up')]);
  writePidFile(directory, 'first', first.pid);
  writePidFile(join(directory, 'agents', 'worker-1'), 'second', second.pid);
  const lines: string[] = [];
  expect(await reapProcesses(directory, (line) => lines.push(line))).toBe(2);
  await Promise.all([closed(first), closed(second)]);
  expect([first.signalCode, second.signalCode]).toEqual(['SIGTERM', 'SIGTERM']);
  expect(lines).toHaveLength(2);
  expect(listPidFiles(directory)).toEqual([]);
});

test('one that does not listen is killed', async () => {
  const directory = temporaryDirectory();
  const deaf = node(`process.on("SIGTERM", () => {}); ${forever}`);
  await printed(deaf, 'up');
  writePidFile(directory, 'deaf', deaf.pid);
  expect(await reapProcesses(directory, () => undefined, 200)).toBe(1);
  await closed(deaf);
  expect(deaf.signalCode).toBe('SIGKILL');
});

test('a later process that got the same pid is left alone, and the stale file goes', async () => {
  const directory = temporaryDirectory();
  const stranger = node(forever);
  await printed(stranger, 'up');
  const file = writePidFile(directory, 'gone', stranger.pid);
  writeFileSync(file, JSON.stringify({ pid: stranger.pid, startTime: 'before it' }));
  expect(await reapProcesses(directory, () => undefined)).toBe(0);
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
  expect(existsSync(file)).toBe(false);
});
