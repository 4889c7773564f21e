import { MongoBulkWriteError } from 'mongodb';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { RecordConflictError } from '../../../src/stores/mongo/errors';
import { Reports } from '../../../src/stores/mongo/reports';
import { freshDatabase, testServers } from '../../support/servers';

let connection: MongoConnection;
let reports: Reports;

beforeAll(() => {
  connection = connectMongo({ uri: testServers().mongodb, database: freshDatabase(), appName: 'test' });
  reports = new Reports(connection);
});

afterAll(() => connection.close());

function report(id: string, findings: readonly unknown[]) {
  return { _id: id, kind: 'ledger-audit', time: '2026-11-21T10:00:00.000Z', workers: 3, findings };
}

describe('reports of maintenance', () => {
  it('are kept as they were', async () => {
    const given = report('one', [{ object: 'workers/w', message: 'port 2001 is held by nobody' }]);
    await reports.insert(given);
    expect(await reports.get('one')).toEqual(given);
    expect(await reports.get('unknown')).toBeUndefined();
  });

  it('may be inserted again, but not changed', async () => {
    await reports.insert(report('two', []));
    await reports.insert(report('two', []));
    await expect(reports.insert(report('two', [1]))).rejects.toThrow(RecordConflictError);
    expect(await reports.get('two')).toEqual(report('two', []));
  });

  it('hand on what the server refuses for another reason', async () => {
    await expect(reports.insert({ ...report('three', []), 'a\0b': 1 })).rejects.toThrow(/null bytes/);
    await expect(reports.insert(report('four', [[1]]))).rejects.toThrow(MongoBulkWriteError);
  });
});
