import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFerretdb } from '../../../src/processes/embedded/ferretdb';
import { findBinary } from '../../../src/processes/embedded/binaries';
import type { RunningServer } from '../../../src/processes/embedded/server';
import { artifactBodies } from '../../../src/stores/mongo/bodies';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { MongoUnavailableError } from '../../../src/stores/mongo/errors';
import { eventually } from '../../support/etcd';

const directory = mkdtempSync(join(tmpdir(), 'berth-mongo-'));
// Longer than the half second that the driver lets pass before it looks for a lost server again.
const serverSelectionTimeoutMs = 1_500;
let port: number;
let server: RunningServer | undefined;
const connections: MongoConnection[] = [];

async function startServer(): Promise<void> {
  const binary = await findBinary('ferretdb', { report: () => undefined });
  server = await startFerretdb({ directory, binary, report: () => undefined, port });
}

async function killServer(): Promise<void> {
  server?.child.kill('SIGKILL');
  await server?.child.exited;
  server = undefined;
}

function connect(): MongoConnection {
  const uri = `mongodb://127.0.0.1:${port}/`;
  const connection = connectMongo({ uri, database: 'restarts', appName: 'test', serverSelectionTimeoutMs });
  connections.push(connection);
  return connection;
}

beforeAll(async () => {
  port = await new Promise<number>((free) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => free(port));
    });
  });
});

afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  await killServer();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('a server that is not there is said to be unavailable within the bound, with the cause, and used once it is there', async () => {
  const connection = connect();
  const startedAt = performance.now();
  const ping = connection.ping();
  await expect(ping).rejects.toThrow(MongoUnavailableError);
  await expect(ping).rejects.toMatchObject({
    message: expect.stringMatching(/^MongoDB did not answer a ping: .*ECONNREFUSED/) as string,
    cause: expect.any(Error) as Error,
  });
  expect(performance.now() - startedAt).toBeLessThan(serverSelectionTimeoutMs + 2_000);
  await startServer();
  await expect(connection.ping()).resolves.toBeUndefined();
});

test('a connection that was closed stays closed', async () => {
  await startServer();
  const connection = connect();
  await connection.ping();
  await connection.close();
  await expect(connection.ping()).rejects.toThrow('MongoDB did not answer a ping: the connection was closed');
});

test('a server killed and started anew is used again, with all that was put before', async () => {
  await startServer();
  const connection = connect();
  const bodies = artifactBodies(connection);
  const before = await bodies.put('before');
  await killServer();
  await expect(bodies.put('meanwhile')).rejects.toThrow(MongoUnavailableError);
  await expect(artifactBodies(connection).get(before)).rejects.toThrow(/^MongoDB did not read artifacts: /);
  await startServer();
  expect(await artifactBodies(connection).get(before)).toBe('before');
  expect(await artifactBodies(connection).get(await bodies.put('meanwhile'))).toBe('meanwhile');
});

test('a server killed while it is asked fails the operation, and repeating it is enough', async () => {
  await startServer();
  const connection = connect();
  const bodies = artifactBodies(connection);
  await bodies.put('warm');
  const texts = Array.from({ length: 200 }, (_, index) => `text ${index}`);
  const puts = texts.map((text) => bodies.put(text));
  const settled = Promise.allSettled(puts);
  await Promise.race(puts);
  await killServer();
  const failures = (await settled).filter((outcome) => outcome.status === 'rejected');
  expect(failures.length).toBeGreaterThan(0);
  for (const { reason } of failures) expect(reason).toBeInstanceOf(MongoUnavailableError);
  expect(connection.breaker.state).not.toBe('closed');
  await expect(connection.attempt('ask', () => Promise.reject(new Error('it was asked')))).rejects.toThrow(MongoUnavailableError);
  await startServer();
  await eventually('operations are let through', () => connection.breaker.state === 'closed');
  const hashes = await Promise.all(texts.map((text) => bodies.put(text)));
  const read = artifactBodies(connection);
  expect(await Promise.all(hashes.map((hash) => read.get(hash)))).toEqual(texts);
});
