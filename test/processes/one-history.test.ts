import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { RecordAheadError, requireOneHistory } from '../../src/processes/one-history';
import { nextEpochs } from '../../src/domain/epochs';
import { openEpoch } from '../../src/stores/etcd/epoch';
import { AuditEvents } from '../../src/stores/mongo/audit-events';
import type { MongoConnection } from '../../src/stores/mongo/connection';
import { connectMongo } from '../../src/stores/mongo/connection';
import { closeClients, event, openClient } from '../support/etcd';
import { freshDatabase, freshPrefix, testServers } from '../support/servers';

const database = freshDatabase();
let mongo: MongoConnection;
let record: AuditEvents;

beforeAll(() => {
  mongo = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
  record = new AuditEvents(mongo);
});

afterAll(async () => {
  closeClients();
  await mongo.close();
});

const recorded = (epoch: number, revision: number) => record.insert([{ ...event(`of-${epoch}-${revision}`), epoch, revision: String(revision), index: 0 }]);

test('an etcd is taken for the one of the record as long as it has come to the newest event', async () => {
  const client = openClient();
  const epochs = await openEpoch(client);
  await expect(requireOneHistory({ client, epochs }, record)).resolves.toBeUndefined();
  const revision = await client.revision();
  await recorded(1, revision);
  await expect(requireOneHistory({ client, epochs }, record)).resolves.toBeUndefined();
  await recorded(1, revision + 1_000_000);
  await expect(requireOneHistory({ client, epochs }, record)).rejects.toThrow(RecordAheadError);
  const next = nextEpochs(epochs, { lastGoodRevision: String(revision), firstRevision: String(revision), highestEpochSeen: 1 });
  await expect(requireOneHistory({ client, epochs: next }, record)).resolves.toBeUndefined();
});

test.each(['api.js', 'control.js'])('%s does not begin on an empty etcd beside a MongoDB that has a record, and names the restore', async (entry) => {
  await recorded(2, 1);
  const env = {
    ...process.env,
    BERTH_ETCD_ENDPOINTS: testServers().etcd,
    BERTH_ETCD_PREFIX: freshPrefix(),
    BERTH_MONGODB_URI: testServers().mongodb,
    BERTH_MONGODB_DATABASE: database,
    BERTH_TEMPORAL_ADDRESS: testServers().temporal,
    BERTH_API_PORT: '0',
  };
  const { code, said } = await new Promise<{ code: number | null; said: string }>((ended) => {
    const child = execFile(process.execPath, [join(__dirname, '../../dist/processes', entry)], { env, timeout: 20_000 }, (_error, stdout, stderr) => ended({ code: child.exitCode, said: stdout + stderr }));
  });
  expect(code).toBe(1);
  expect(said).toContain('berth admin restore --keep-mongodb');
});
