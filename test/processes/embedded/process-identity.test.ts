import { spawn } from 'node:child_process';
import { identityOf, isAlive, ownIdentity, parseIdentity } from '../../../src/processes/embedded/process-identity';
import { cleanUp, closed, node, printed, until } from './support';

afterEach(cleanUp);

test('a process is alive under its own start time only', () => {
  const own = ownIdentity();
  expect(own.pid).toBe(process.pid);
  expect(isAlive(own)).toBe(true);
  expect(isAlive({ ...own, startTime: `${own.startTime}0` })).toBe(false);
});

test('a process that has ended is not alive, and has no identity', async () => {
  const child = node('setInterval(() => {}, 1000); console.log("up")');
  await printed(child, 'up');
  const identity = identityOf(child.pid);
  expect(identity && isAlive(identity)).toBe(true);
  child.kill('SIGKILL');
  await closed(child);
  expect(identity && isAlive(identity)).toBe(false);
  expect(identityOf(child.pid)).toBeUndefined();
});

test('a zombie counts as ended', async () => {
  // The shell becomes a sleep, which never collects the child that the shell had started.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const pid = Number(await new Promise((line) => parent.stdout.once('data', line)));
    const identity = identityOf(pid);
    expect(identity).toBeDefined();
    await until(() => identityOf(pid) === undefined);
    expect(() => process.kill(pid, 0)).not.toThrow();
  } finally {
    parent.kill('SIGKILL');
  }
});

test.each(['', '{', 'null', '[]', '{"pid":"1","startTime":"x"}', '{"pid":1}'])('%j is no identity', (text) => {
  expect(parseIdentity(text)).toBeUndefined();
});
