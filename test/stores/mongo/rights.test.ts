import { pino } from 'pino';
import { checkMongoRights } from '../../../src/processes/mongo-rights';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { grantedBy, mongoGranted } from '../../../src/stores/mongo/granted-rights';
import { mongoNeeds } from '../../../src/stores/mongo/rights';
import { freshDatabase, testServers } from '../../support/servers';

type Privilege = { resource: Record<string, unknown>; actions: readonly string[] };
const user = { user: 'berth-api', db: 'berth' };
const whatApiNeeds: readonly Privilege[] = mongoNeeds.api.map(({ collection, actions }) => ({ resource: { db: 'berth', collection }, actions }));
const warnings = (privileges: readonly Privilege[]) => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  checkMongoRights(grantedBy({ authInfo: { authenticatedUsers: [user], authenticatedUserPrivileges: privileges } }, 'berth'), 'api', log);
  return lines.map((line) => line.split(',')[0]);
};

test.each<[string, readonly Privilege[], readonly string[]]>([
  ['its role alone', whatApiNeeds, []],
  ['its role, and what every user has', [...whatApiNeeds, { resource: { db: 'berth', collection: 'artifacts' }, actions: ['collStats', 'listIndexes'] }], []],
  ['the right to change the record', [...whatApiNeeds, { resource: { db: 'berth', collection: 'audit_events' }, actions: ['update'] }], ['MongoDB lets user berth-api update audit_events']],
  ['a whole database', [{ resource: { db: 'berth', collection: '' }, actions: ['find', 'insert', 'createIndex'] }], ['find', 'insert', 'createIndex'].map((action) => `MongoDB lets user berth-api ${action} every collection`)],
  ['another database', [...whatApiNeeds, { resource: { db: 'other', collection: '' }, actions: ['find'] }], ['MongoDB lets user berth-api find {"db":"other"']],
  ['the cluster', [...whatApiNeeds, { resource: { cluster: true }, actions: ['shutdown'] }], ['MongoDB lets user berth-api shutdown {"cluster":true}']],
])('of an api with %s each surplus is warned of', (_, privileges, told) => {
  expect(warnings(privileges)).toEqual(told);
});

test('an api that lacks a right does not start, and is told which', () => {
  const lacking = whatApiNeeds.map(({ resource, actions }) => ({ resource, actions: actions.filter((action) => action !== 'insert' || resource['collection'] !== 'artifacts') }));
  expect(() => warnings(lacking)).toThrow('insert artifacts');
});

test('a server that tells nothing of rights is none that keeps a process from starting', async () => {
  const database = freshDatabase();
  const connection = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
  try {
    expect(await mongoGranted(connection, database)).toEqual({ kind: 'untold' });
  } finally {
    await connection.close();
  }
});
