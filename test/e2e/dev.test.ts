import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rememberToken } from '../support/credentials';
import { Client } from '../support/client';
import type { InstanceReply } from '../support/client';

const place = mkdtempSync(join(tmpdir(), 'berth-dev-test-'));
const addressesFile = join(place, 'dev.json');
let dev: ChildProcess | undefined;

afterAll(async () => {
  await stop();
  rmSync(place, { recursive: true, force: true });
}, 120_000);

/** Starts `npm run dev` with a state directory of its own; resolves when it has written its addresses. */
async function start(): Promise<Client> {
  let output = '';
  const started = spawn(process.execPath, [join(__dirname, '../../dist/processes/dev.js')], { env: { ...process.env, BERTH_DEV_DIR: place } });
  dev = started;
  started.stdout.on('data', (data: Buffer) => (output += data.toString()));
  started.stderr.on('data', (data: Buffer) => (output += data.toString()));
  const waiting = new Client('');
  await waiting.until('its addresses', async () => {
    if (started.exitCode !== null) throw new Error(`dev ended: ${output}`);
    return existsSync(addressesFile);
  }, 120_000);
  const addresses = JSON.parse(readFileSync(addressesFile, 'utf8')) as Record<string, string>;
  expect(Object.keys(addresses)).toEqual(expect.arrayContaining(['api', 'temporal', 'temporalUi', 'etcd', 'mongodb']));
  rememberToken(addresses['api']!, addresses['token']!);
  return new Client(addresses['api']!);
}

/** Ctrl-C; answers its exit code. */
async function stop(): Promise<number | null> {
  const stopping = dev;
  dev = undefined;
  if (!stopping || stopping.exitCode !== null) return stopping?.exitCode ?? null;
  const ended = new Promise<number | null>((resolve) => stopping.once('exit', resolve));
  stopping.kill('SIGINT');
  return ended;
}

test('Ctrl-C stops everything; the next run has the same state, and instances come back on their old ports', async () => {
  const first = await start();
  await first.makeWorker({ from: 26_000, to: 26_999 });
  const definition = await first.define({
    components: [{ name: 'main', command: ['sleep', '600'], ports: [{ name: 'tcp' }], resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' } }],
  });
  const before = await first.must<InstanceReply>('POST', '/instances?waitFor=RUNNING&timeout=30s', { definition });
  expect(await stop()).toBe(0);
  expect(existsSync(addressesFile)).toBe(false);

  const second = await start();
  const after = await second.until('the instance to run anew', async () => {
    const now = await second.instance(before.id);
    const ready = now.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    return now.status.phase === 'RUNNING' && now.status.attempt === 2 && ready && now;
  }, 120_000);
  expect(after.ports).toEqual(before.ports);
  await second.must('DELETE', `/instances/${before.id}?waitFor=TERMINATED&timeout=30s`);
  expect(await stop()).toBe(0);
}, 360_000);
