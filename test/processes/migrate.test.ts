import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { connectMongo } from '../../src/stores/mongo/connection';
import { migrations } from '../../src/stores/mongo/migrations';
import { freshDatabase, freshPrefix, testServers } from '../support/servers';

const database = freshDatabase();
const mongo = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
const environment = {
  ...process.env,
  BERTH_ETCD_ENDPOINTS: testServers().etcd,
  BERTH_ETCD_PREFIX: freshPrefix(),
  BERTH_MONGODB_URI: testServers().mongodb,
  BERTH_MONGODB_DATABASE: database,
  BERTH_TEMPORAL_ADDRESS: testServers().temporal,
};

afterAll(() => mongo.close());

/** Runs a compiled entry to its end; answers its code and all that it said. */
function run(entry: string, ...args: readonly string[]): Promise<{ code: number; said: string }> {
  return new Promise((ended) => {
    const child = execFile(process.execPath, [join(__dirname, '../../dist/processes', entry), ...args], { env: environment }, (_error, stdout, stderr) => {
      ended({ code: child.exitCode ?? -1, said: stdout + stderr });
    });
  });
}

test('the entry says what it would do, does it, and has nothing more to do', async () => {
  const lines = (word: string) => migrations.map(({ version, name }) => `${word} ${version}: ${name}\n`).join('');
  expect(await run('migrate.js', '--dry-run')).toEqual({ code: 0, said: lines('would do') });
  expect(await run('migrate.js')).toEqual({ code: 0, said: lines('done') });
  expect(await run('migrate.js')).toEqual({ code: 0, said: 'nothing to do\n' });
});

test.each(['api.js', 'control.js', 'migrate.js'])('%s refuses a database that a newer version has migrated', async (entry) => {
  const version = migrations.length + 1;
  await mongo.collection<{ _id: string }>('schema_migrations').insertOne({ _id: String(version), version, name: 'of tomorrow' } as never).catch(() => undefined);
  const { code, said } = await run(entry);
  expect(code).toBe(1);
  expect(said).toContain(`${version} (of tomorrow)`);
});
