import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { etcdTools } from '../../src/processes/embedded/etcd-restore';
import { backUp } from '../../src/recovery/backup';
import type { RecoveryError } from '../../src/recovery/errors';
import { closeClients, openClient } from '../support/etcd';
import { chance } from '../support/chance';
import { makeWorker, RandomWriter } from '../support/random-writer';
import { documentsOf, openDatabase, restoreStores, Stores, temporaryDirectory, tryRestore } from '../support/recovery';
import { freshDatabase } from '../support/servers';

const silent = () => undefined;
const directory = temporaryDirectory();
const copy = directory.path('copy');
let stores: Stores;

beforeAll(async () => {
  stores = await Stores.open();
  await makeWorker(stores.client, 'w-1');
  await new RandomWriter({ client: stores.client, name: 'one', random: chance(1), workerIds: ['w-1'] }).write(10);
  await stores.project();
  await stores.backUp(copy);
}, 120_000);

afterAll(async () => {
  await stores.close();
  closeClients();
  directory.remove();
}, 120_000);

let numbered = 0;
const freshPath = (): string => directory.path(`fresh-${++numbered}`);

/** A copy that somebody has changed. */
function changedCopy(change: (path: string) => void): string {
  const path = freshPath();
  cpSync(copy, path, { recursive: true });
  change(path);
  return path;
}

function editManifest(path: string, edit: (manifest: { [member: string]: never } & { etcd: Record<string, unknown> }) => object): void {
  const file = join(path, 'manifest.json');
  writeFileSync(file, JSON.stringify(edit(JSON.parse(readFileSync(file, 'utf8')) as never)));
}

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}

test('a backup copies bodies first: they stay only for a while after the copy of etcd, when nobody names them any more', async () => {
  await stores.mongo.collection<{ _id: string }>('workloads').insertOne({ _id: 'a body' });
  const { collections } = await stores.backUp(freshPath());
  expect(collections.map(({ name }) => name).slice(0, 2)).toEqual(['workloads', 'audit_events']);
  await stores.mongo.collection('workloads').drop();
});

describe('a backup is refused, and leaves nothing,', () => {
  test('into a directory that holds something', async () => {
    const to = freshPath();
    mkdirSync(to);
    writeFileSync(join(to, 'letter.txt'), 'dear');
    await expect(stores.backUp(to)).rejects.toMatchObject({ code: 'target_not_empty', message: expect.stringContaining(to) });
    expect(readdirSync(to)).toEqual(['letter.txt']);
  });

  test('of an etcd where Berth never was', async () => {
    const to = freshPath();
    const elsewhere = openClient({ url: stores.etcd.url, prefix: '/elsewhere/' });
    await expect(backUp({ ...backupOptions(to), etcd: elsewhere })).rejects.toMatchObject({ code: 'wrong_store', message: expect.stringContaining('BERTH_ETCD_PREFIX') });
    expect(existsSync(to)).toBe(false);
    expect((await elsewhere.list('')).entries).toEqual([]);
  });

  test('when it fails half-way, so that the next one finds room', async () => {
    const to = freshPath();
    const failing = { ...backupOptions(to), mongo: { ...stores.mongo, collectionNames: () => Promise.reject(new Error('MongoDB went away')) } };
    await expect(backUp(failing)).rejects.toThrow('MongoDB went away');
    expect(readdirSync(to)).toEqual([]);
    await stores.backUp(to);
  });
});

function backupOptions(to: string): Parameters<typeof backUp>[0] {
  return { to, etcd: stores.client, mongo: stores.mongo, revisionOf: (file) => etcdTools(silent).revisionOf(file), berthVersion: 'test', nowMs: Date.now, report: silent };
}

describe('a restore is refused, and changes nothing,', () => {
  test.each<[string, RecoveryError['code'], (path: string) => void]>([
    ['from a copy whose list of earlier restores cannot be read', 'copy_damaged', (path) => mkdirSync(join(path, 'restores.json'))],
    ['from a directory without a manifest', 'no_copy', (path) => rmSync(join(path, 'manifest.json'))],
    ['from a directory that is not there', 'no_copy', (path) => rmSync(path, { recursive: true })],
    ['by a manifest that is no JSON', 'copy_damaged', (path) => appendFileSync(join(path, 'manifest.json'), '}')],
    ['by a manifest that lacks something', 'copy_damaged', (path) => editManifest(path, ({ epochs: _gone, ...rest }) => rest)],
    ['by a manifest that names a file elsewhere', 'copy_damaged', (path) => editManifest(path, (manifest) => ({ ...manifest, etcd: { ...manifest.etcd, file: '../letter.txt' } }))],
    ['by a manifest of a newer Berth', 'newer_version', (path) => editManifest(path, (manifest) => ({ ...manifest, schemaVersion: 2 }))],
    ['when a byte of etcd’s snapshot has changed', 'copy_damaged', (path) => flipByte(join(path, 'etcd.snapshot'))],
    ['when etcd’s snapshot is cut', 'copy_damaged', (path) => writeFileSync(join(path, 'etcd.snapshot'), readFileSync(join(path, 'etcd.snapshot')).subarray(0, -1))],
    ['when the snapshot is of another revision than the manifest says', 'copy_damaged', (path) => editManifest(path, (manifest) => ({ ...manifest, etcd: { ...manifest.etcd, revision: '1' } }))],
    ['when a byte of the record has changed', 'copy_damaged', (path) => flipByte(join(path, 'mongodb', 'audit_events.ndjson'))],
    ['when the record has a line more', 'copy_damaged', (path) => appendFileSync(join(path, 'mongodb', 'audit_events.ndjson'), '{"_id":"x"}\n')],
    ['when a collection is gone', 'copy_damaged', (path) => rmSync(join(path, 'mongodb', 'state_snapshots.ndjson'))],
  ])('%s', async (_name, code, change) => {
    await refused(code, { from: changedCopy(change) });
  });

  test('into a data directory that holds something', async () => {
    const dataDirectory = freshPath();
    mkdirSync(join(dataDirectory, 'member'), { recursive: true });
    await refused('target_not_empty', { dataDirectory });
    expect(readdirSync(dataDirectory)).toEqual(['member']);
  });

  test('into a database that holds something', async () => {
    const database = freshDatabase();
    const mongo = openDatabase(database);
    await mongo.collection<{ _id: string }>('lablet_definitions').insertOne({ _id: 'somebody’s' });
    const before = await documentsOf(mongo);
    await refused('target_not_empty', { database });
    expect(await documentsOf(mongo)).toEqual(before);
    await mongo.close();
  });

  test('beside a database that holds no record, or that of another Berth', async () => {
    await refused('wrong_store', { keepMongodb: true });
    const other = await Stores.open();
    await makeWorker(other.client, 'w-other');
    await other.project();
    const before = await other.documents();
    await refused('wrong_store', { keepMongodb: true, database: other.database });
    expect(await other.documents()).toEqual(before);
    await other.close();
  });

  test('under another prefix', async () => {
    await refused('wrong_store', { prefix: '/elsewhere/' });
  });

  async function refused(code: RecoveryError['code'], options: Partial<Parameters<typeof tryRestore>[0]>): Promise<void> {
    const { dataDirectory = freshPath(), database = freshDatabase() } = options;
    await expect(tryRestore({ from: copy, ...options, dataDirectory, database })).rejects.toMatchObject({ name: 'RecoveryError', code });
    if (options.dataDirectory === undefined) expect(existsSync(dataDirectory)).toBe(false);
    if (options.database !== undefined) return;
    const mongo = openDatabase(database);
    expect(await documentsOf(mongo)).toEqual({});
    await mongo.close();
  }
});

describe('a restore that was cut short', () => {
  test('leaves no etcd that could be started, and is simply repeated', async () => {
    const [dataDirectory, database] = [freshPath(), freshDatabase()];
    await expect(tryRestore({ from: copy, dataDirectory, database, failAt: 'insert into state_snapshots' })).rejects.toThrow('failed at: insert into state_snapshots');
    expect(readdirSync(dataDirectory)).toEqual([]);
    const mongo = openDatabase(database);
    expect(Object.keys(await documentsOf(mongo))).toEqual(['audit_events', 'restore_under_way', 'schema_migrations']);
    await mongo.close();
    await expect(tryRestore({ from: changedCopy((path) => editManifest(path, (manifest) => ({ ...manifest, time: 'another' }))), dataDirectory, database })).rejects.toMatchObject({ code: 'target_not_empty' });

    const again = await restoreStores(copy, { database });
    expect(await again.documents()).toEqual(await stores.documents());
    await again.close();
  });

  test('just before its epoch is open leaves a database that is taken for one in use', async () => {
    const [dataDirectory, database] = [freshPath(), freshDatabase()];
    await expect(tryRestore({ from: copy, dataDirectory, database, failAt: 'end a restore' })).rejects.toThrow('failed at');
    expect(readdirSync(dataDirectory)).toEqual([]);
    await tryRestore({ from: copy, dataDirectory, database });
    expect(readdirSync(dataDirectory)).toEqual(['member']);
    await expect(tryRestore({ from: copy, dataDirectory: freshPath(), database })).rejects.toMatchObject({ code: 'target_not_empty' });
  });
});

test('an etcd that was full when it was copied takes its new epoch', async () => {
  const full = await Stores.open(freshDatabase(), { quotaBytes: 4 * 1024 * 1024 });
  const fill = async () => {
    for (let n = 0; n < 100; n++) await full.client.raw.kv.put({ key: full.client.key(`full/${n}`), value: Buffer.from(JSON.stringify('x'.repeat(100_000))) });
  };
  await expect(fill()).rejects.toThrow('database space exceeded');
  const to = freshPath();
  await full.backUp(to);
  await full.close();
  const again = await restoreStores(to);
  expect(again.restoration.epochs.epoch).toBe(2);
  await again.close();
}, 120_000);
