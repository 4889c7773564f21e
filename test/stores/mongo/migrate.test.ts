import { Leases } from '../../../src/stores/etcd/lease';
import { LockBusyError, withLock } from '../../../src/stores/etcd/lock';
import type { EtcdClient } from '../../../src/stores/etcd/client';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { DatabaseNewerError } from '../../../src/stores/mongo/errors';
import type { OneAtATime } from '../../../src/stores/mongo/migrate';
import { alone, migrate, pendingMigrations } from '../../../src/stores/mongo/migrate';
import { migrations } from '../../../src/stores/mongo/migrations';
import type { Migration } from '../../../src/stores/mongo/migrations';
import { closeClients, eventually, openClient } from '../../support/etcd';
import { freshDatabase, freshPrefix, testServers } from '../../support/servers';

let database: string;
let prefix: string;
const connections: MongoConnection[] = [];

beforeEach(() => {
  database = freshDatabase();
  prefix = `${freshPrefix()}/`;
});
afterEach(async () => {
  closeClients();
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});

function connect(): MongoConnection {
  const connection = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
  connections.push(connection);
  return connection;
}

function lockOf(client: EtcdClient, waitMs = 20_000): OneAtATime {
  return (work) => withLock(new Leases(client), { key: 'migrations/lock', holder: 'test', waitMs, leaseTtlMs: 2_000 }, work);
}

/** What was done, as it is in the database itself. */
async function done(connection: MongoConnection): Promise<string[]> {
  const documents = await connection.collection<{ _id: string }>('done').find().toArray();
  return documents.map(({ _id }) => _id.replace(/\/.*/, '')).sort();
}

let counter = 0;

/** Each time that it is done leaves a document. */
function leaving(version: number, name: string): Migration {
  return { version, name, up: async (connection) => void (await connection.collection<{ _id: string }>('done').insertOne({ _id: `${name}/${++counter}` })) };
}

const first = leaving(1, 'first');
const second = leaving(2, 'second');

describe('migrations', () => {
  it('of this version are counted from 1 without a gap, and make the indexes that are read by', async () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
    const connection = connect();
    expect(await migrate(connection, alone)).toEqual(migrations);
    expect(await migrate(connection, alone)).toEqual([]);
    for (const collection of ['audit_events', 'state_snapshots']) {
      const indexes = await connection.collection(collection).indexes();
      expect(indexes).toContainEqual(expect.objectContaining({ key: { subject: 1, sequence: 1 } }));
    }
  });

  it('are done once, in their order, by whichever of many processes that start together', async () => {
    const processes = Array.from({ length: 4 }, () => migrate(connect(), lockOf(openClient({ prefix })), [first, second]));
    const answers = await Promise.all(processes);
    expect(answers.filter((applied) => applied.length > 0)).toEqual([[first, second]]);
    expect(await done(connect())).toEqual(['first', 'second']);
  });

  it('that were done by half are repeated, and those before them are not', async () => {
    const connection = connect();
    const dying: Migration = { ...second, up: () => Promise.reject(new Error('killed')) };
    await expect(migrate(connection, lockOf(openClient({ prefix })), [first, dying])).rejects.toThrow('killed');
    expect(await pendingMigrations(connection, [first, second])).toEqual([second]);
    expect(await migrate(connection, lockOf(openClient({ prefix })), [first, second])).toEqual([second]);
    expect(await done(connection)).toEqual(['first', 'second']);
  });

  it('wait for a process that died with the lock no longer than its lease', async () => {
    const client = openClient({ prefix });
    const leases = new Leases(client);
    await leases.put('migrations/lock', { holder: 'dead' }, await leases.grant(2_000), true);
    expect(await migrate(connect(), lockOf(client), [first])).toEqual([first]);
  });

  it('give up when somebody is at it for longer than the bound, and leave the database as it is', async () => {
    const client = openClient({ prefix });
    const leases = new Leases(client);
    await leases.put('migrations/lock', { holder: 'busy' }, await leases.grant(60_000), true);
    const connection = connect();
    await expect(migrate(connection, lockOf(client, 100), [first])).rejects.toThrow(LockBusyError);
    expect(await done(connection)).toEqual([]);
  });

  it('hold up nobody where there is nothing to do', async () => {
    const connection = connect();
    await migrate(connection, alone, [first]);
    const never: OneAtATime = () => Promise.reject(new Error('asked for the lock'));
    expect(await migrate(connection, never, [first])).toEqual([]);
  });

  it('go no further when the lock was lost', async () => {
    const lost = new AbortController();
    const losing: Migration = { ...first, up: async (connection) => (await first.up(connection), lost.abort(new Error('the lease is lost'))) };
    const connection = connect();
    await expect(migrate(connection, (work) => work(lost.signal), [losing, second])).rejects.toThrow('the lease is lost');
    expect(await done(connection)).toEqual(['first']);
  });

  it('are named, and nothing else, by who only asks', async () => {
    const connection = connect();
    expect(await pendingMigrations(connection, [first, second])).toEqual([first, second]);
    expect(await connection.collection('schema_migrations').countDocuments()).toBe(0);
    expect(await done(connection)).toEqual([]);
  });

  it('of a newer program, or of another one, make this one refuse the database, and change nothing', async () => {
    const connection = connect();
    await migrate(connection, alone, [first, second]);
    await expect(migrate(connection, alone, [first])).rejects.toThrow(DatabaseNewerError);
    await expect(migrate(connection, alone, [first])).rejects.toThrow(/2 \(second\)/);
    await expect(pendingMigrations(connection, [first, leaving(2, 'another')])).rejects.toThrow(DatabaseNewerError);
    expect(await done(connection)).toEqual(['first', 'second']);
  });
});

describe('a lock', () => {
  it('is free again at once when the work is done, or has failed', async () => {
    const client = openClient({ prefix });
    await withLock(new Leases(client), { key: 'k', holder: 'a', waitMs: 100 }, async () => undefined);
    await expect(withLock(new Leases(client), { key: 'k', holder: 'b', waitMs: 100 }, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await client.get('k')).toBeUndefined();
  });

  it('tells the work when its lease is gone', async () => {
    const client = openClient({ prefix });
    const leases = new Leases(client);
    let lost: AbortSignal | undefined;
    let finish: () => void = () => undefined;
    const held = withLock(leases, { key: 'k', holder: 'a', waitMs: 100, leaseTtlMs: 2_000 }, (signal) => {
      lost = signal;
      return new Promise<void>((resolve) => (finish = resolve));
    });
    await eventually('it is held', async () => (await client.get('k')) !== undefined);
    const { leases: all } = await client.raw.leaseClient.leaseLeases();
    const mine = (await client.raw.kv.range({ key: client.key('k') })).kvs[0]!.lease;
    expect(all.map(({ ID }) => ID)).toContain(mine);
    await leases.revoke(mine);
    await eventually('the work hears of it', () => lost?.aborted === true);
    finish();
    await held;
  });
});
