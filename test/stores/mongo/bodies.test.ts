import { MongoClient } from 'mongodb';
import type { DefinitionBody } from '../../../src/domain/definition';
import { contentHash, sha256Hex } from '../../../src/hash';
import { artifactBodies, definitionBodies, workloadBodies } from '../../../src/stores/mongo/bodies';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { BodyCorruptError, BodyMissingError, RecordConflictError } from '../../../src/stores/mongo/errors';
import { freshDatabase, testServers } from '../../support/servers';

const database = freshDatabase();
const raw = new MongoClient(testServers().mongodb);
let connection: MongoConnection;

beforeAll(() => {
  connection = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
});

afterAll(async () => {
  await raw.db(database).dropDatabase();
  await Promise.all([connection.close(), raw.close()]);
});

function definition(description: string): DefinitionBody {
  return {
    schemaVersion: 1,
    name: 'lab',
    version: '1.0.0',
    description,
    labels: { 'app.kubernetes.io/name': 'lab', $odd: '', '': 'empty' },
    components: [],
    ports: [],
    files: { 'etc/lab.yaml': 'a: ${PORT_A}\n' },
    constraints: { labels: {} },
    restart: { policy: 'never' },
    retry: { attemptsMax: 3, initialBackoffMs: 1, maxBackoffMs: 2, factor: 2 },
  };
}

async function stored(collection: string, hash: string): Promise<unknown> {
  return raw.db(database).collection<{ _id: string; body: string }>(collection).findOne({ _id: hash });
}

async function tamper(collection: string, hash: string, body: string): Promise<void> {
  await raw.db(database).collection<{ _id: string; body: string }>(collection).updateOne({ _id: hash }, { $set: { body } });
}

describe('bodies of definitions', () => {
  it('are found again under the hash of their canonical JSON, keys of any kind included', async () => {
    const body = definition('with dots and dollars');
    const hash = await definitionBodies(connection).put(body);
    expect(hash).toBe(contentHash(body));
    // Another process, which has nothing in memory.
    expect(await definitionBodies(connection).get(hash)).toEqual(body);
    expect(await stored('lablet_definitions', hash)).toMatchObject({ _id: hash });
  });

  it('may be put any number of times, at once too, with their keys in any order', async () => {
    const body = definition('again');
    const reversed = Object.fromEntries(Object.entries(body).reverse()) as unknown as DefinitionBody;
    const stores = Array.from({ length: 10 }, () => definitionBodies(connection));
    const hashes = await Promise.all(stores.map((bodies, index) => bodies.put(index % 2 === 0 ? body : reversed)));
    expect(new Set(hashes)).toEqual(new Set([contentHash(body)]));
    expect(await raw.db(database).collection<{ _id: string }>('lablet_definitions').countDocuments({ _id: hashes[0]! })).toBe(1);
  });

  it('reject what is not there', async () => {
    const missing = sha256Hex('never put');
    await expect(definitionBodies(connection).get(missing)).rejects.toThrow(BodyMissingError);
    await expect(definitionBodies(connection).get(missing)).rejects.toThrow(`lablet_definitions/${missing} does not exist`);
  });

  it('reject a body that was changed behind their back, to read it and to put it again', async () => {
    const body = definition('tampered');
    const hash = await definitionBodies(connection).put(body);
    await tamper('lablet_definitions', hash, '{"name":"evil"}');
    await expect(definitionBodies(connection).get(hash)).rejects.toThrow(BodyCorruptError);
    await expect(definitionBodies(connection).get(hash)).rejects.toThrow(sha256Hex('{"name":"evil"}'));
    await expect(definitionBodies(connection).put(body)).rejects.toThrow(RecordConflictError);
  });

  it('are read from memory once they were read, and never shared with a caller that changes them', async () => {
    const bodies = definitionBodies(connection);
    const hash = await bodies.put(definition('remembered'));
    await tamper('lablet_definitions', hash, 'not even JSON');
    const first = (await bodies.get(hash)) as { description: string };
    first.description = 'changed by a caller';
    expect(await bodies.get(hash)).toEqual(definition('remembered'));
  });

  it('are put on the server even when they are in memory, since a commit will name them', async () => {
    const bodies = definitionBodies(connection);
    const hash = await bodies.put(definition('lost'));
    await raw.db(database).collection<{ _id: string }>('lablet_definitions').deleteOne({ _id: hash });
    await bodies.put(definition('lost'));
    expect(await definitionBodies(connection).get(hash)).toEqual(definition('lost'));
  });
});

describe('bodies of artifacts', () => {
  it.each([
    ['empty', ''],
    ['line ends and tabs', 'a\r\n\tb\n'],
    ['beyond ASCII', 'Zürich 😀 \u0000 end'],
    ['one MiB', 'x'.repeat(1024 * 1024)],
  ])('keep their text exactly: %s', async (_, text) => {
    const hash = await artifactBodies(connection).put(text);
    expect(hash).toBe(sha256Hex(text));
    expect(await artifactBodies(connection).get(hash)).toBe(text);
  });
});

describe('bodies of workloads', () => {
  it('have their own collection', async () => {
    const workload = {
      schemaVersion: 1 as const,
      instanceId: 'i',
      definition: { name: 'lab', version: '1.0.0' },
      components: [],
      ports: { 'web.http': 2000 },
      files: { 'a/b.txt': 'text' },
    };
    const hash = await workloadBodies(connection).put(workload);
    expect(await workloadBodies(connection).get(hash)).toEqual(workload);
    await expect(definitionBodies(connection).get(hash)).rejects.toThrow(BodyMissingError);
  });
});
