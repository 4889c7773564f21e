import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { Etcd3 } from 'etcd3';
import { MongoClient } from 'mongodb';
import { isAlive } from '../../../src/processes/embedded/process-identity';
import { listPidFiles } from '../../../src/processes/embedded/pid-files';
import { createRunDirectory } from '../../../src/processes/embedded/run-directory';
import type { RunDirectory } from '../../../src/processes/embedded/run-directory';
import { startServers } from '../../../src/processes/embedded/servers';
import type { RunningServers } from '../../../src/processes/embedded/servers';
import { cleanUp, printed, shellScript, typescript } from './support';

const quiet = () => undefined;
const running: RunningServers[] = [];
const directories: RunDirectory[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((servers) => servers.stop()));
  await cleanUp();
  directories.splice(0).forEach((directory) => directory.remove());
});

/** Real servers go where the next run finds them, should this one be killed. */
async function runDirectory(): Promise<string> {
  const directory = await createRunDirectory('test', quiet);
  directories.push(directory);
  return directory.path;
}

async function start(directory: string): Promise<RunningServers> {
  const servers = await startServers({ directory, report: quiet, unsafeNoFsync: true, temporalUi: true });
  running.push(servers);
  return servers;
}

/** Uses each server through its own client. */
async function connected<T>(
  servers: RunningServers,
  use: (etcd: Etcd3, mongodb: MongoClient, temporal: Connection) => Promise<T>,
): Promise<T> {
  const etcd = new Etcd3({ hosts: servers.etcd });
  const mongodb = await MongoClient.connect(servers.mongodb);
  const temporal = await Connection.connect({ address: servers.temporal });
  try {
    return await use(etcd, mongodb, temporal);
  } finally {
    etcd.close();
    await mongodb.close();
    await temporal.close();
  }
}

test('what was written is there after a restart on other ports', async () => {
  const directory = await runDirectory();
  const first = await start(directory);
  await connected(first, async (etcd, mongodb, temporal) => {
    await etcd.put('key').value('kept');
    await mongodb.db('test').collection('things').insertOne({ kept: true });
    await temporal.workflowService.registerNamespace({
      namespace: 'kept',
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
  });
  expect((await fetch(first.temporalUi ?? '')).status).toBe(200);
  await first.stop();
  expect(listPidFiles(directory)).toEqual([]);
  await expect(fetch(`${first.etcd}/health`)).rejects.toThrow();

  const second = await start(directory);
  await connected(second, async (etcd, mongodb, temporal) => {
    expect(await etcd.get('key').string()).toBe('kept');
    expect(await mongodb.db('test').collection('things').countDocuments({ kept: true })).toBe(1);
    const described = await temporal.workflowService.describeNamespace({ namespace: 'kept' });
    expect(described.namespaceInfo?.name).toBe('kept');
  });
}, 60_000);

test('etcd has a quota, and tells an idle watch how far it is', async () => {
  const servers = await start(await runDirectory());
  const metrics = await (await fetch(`${servers.etcd}/metrics`)).text();
  expect(metrics).toMatch(/^etcd_server_quota_backend_bytes 2.147483648e\+09$/m);
  const watch = await fetch(`${servers.etcd}/v3/watch`, {
    method: 'POST',
    body: JSON.stringify({ create_request: { key: Buffer.from('a').toString('base64'), progress_notify: true } }),
    signal: AbortSignal.timeout(8_000),
  });
  const answers: string[] = [];
  const decoder = new TextDecoder();
  for await (const part of watch.body ?? []) {
    answers.push(decoder.decode(part as Uint8Array));
    if (answers.length === 2) break;
  }
  expect(answers[0]).toContain('"created":true');
  expect(answers[1]).not.toContain('events');
}, 30_000);

test('after a kill -9 of the owner, the next start ends the servers and deletes their data', async () => {
  const temporary = await runDirectory();
  const owner = typescript('owner.fixture.ts', [temporary]);
  const directory = /ready (\S+)/.exec(await printed(owner, 'ready'))?.[1] ?? '';
  const left = listPidFiles(directory);
  const names = left.map((file) => basename(file.path, '.json'));
  expect(names.sort()).toEqual(['etcd', 'ferretdb', 'temporal']);
  owner.kill('SIGKILL');
  await new Promise((ended) => owner.once('exit', ended));
  expect(left.every(isAlive)).toBe(true);

  const fresh = await createRunDirectory('next', quiet, temporary);
  expect(left.filter(isAlive)).toEqual([]);
  expect(existsSync(directory)).toBe(false);
  expect(readdirSync(dirname(fresh.path))).toHaveLength(1);
}, 60_000);

test('a server whose address is given is not started', async () => {
  const directory = await runDirectory();
  const external = { etcd: 'http://10.0.0.1:2379', temporal: 'temporal.example:7233' };
  const servers = await startServers({ directory, report: quiet, external });
  running.push(servers);
  expect(servers).toMatchObject(external);
  expect(servers.mongodb).toMatch(/^mongodb:\/\/127\.0\.0\.1:\d+\/$/);
  expect(readdirSync(join(directory, 'logs'))).toEqual(['ferretdb.log']);
});

test('when one does not start, the others do not stay', async () => {
  const directory = await runDirectory();
  const broken = shellScript(
    directory,
    'etcd',
    'if [ "$1" = --version ]; then echo "etcd Version: 3.6.8"; exit; fi; echo "disk is broken"; exit 1',
  );
  const before = process.env.BERTH_ETCD_BINARY;
  process.env.BERTH_ETCD_BINARY = broken;
  try {
    const starting = startServers({ directory, report: quiet });
    await expect(starting).rejects.toThrow(/etcd did not start: .*disk is broken; its log/);
  } finally {
    if (before === undefined) delete process.env.BERTH_ETCD_BINARY;
    else process.env.BERTH_ETCD_BINARY = before;
  }
  expect(readdirSync(join(directory, 'logs')).sort()).toEqual(['etcd.log', 'ferretdb.log', 'temporal.log']);
  expect(listPidFiles(directory)).toEqual([]);
}, 30_000);

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('servers listen on loopback only', async () => {
  const directory = await runDirectory();
  await start(directory);
  const inodes = new Set(listPidFiles(directory).flatMap(({ pid }) => socketInodes(pid)));
  const listening = ['/proc/net/tcp', '/proc/net/tcp6']
    .flatMap((table) => readFileSync(table, 'utf8').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))
    .map((fields) => fields[1]?.split(':')[0]);
  expect(listening.length).toBeGreaterThanOrEqual(8);
  expect([...new Set(listening)]).toEqual(['0100007F']);
});

/** Which sockets a process holds. */
function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.slice(1) ?? [];
    } catch {
      return []; // Closed meanwhile.
    }
  });
}
