import type { ObjectState } from '../../../src/domain/object-state';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { RecordConflictError } from '../../../src/stores/mongo/errors';
import { Snapshots } from '../../../src/stores/mongo/snapshots';
import { at } from '../../support/domain-objects';
import { freshDatabase, testServers } from '../../support/servers';

let mongo: MongoConnection;
let snapshots: Snapshots;

beforeEach(() => {
  mongo = connectMongo({ uri: testServers().mongodb, database: freshDatabase(), appName: 'test' });
  snapshots = new Snapshots(mongo);
});

afterEach(() => mongo.close());

function snapshot(epoch: number, spec: object = {}) {
  const state = { kind: 'Worker', id: 'w-1', org: 'default', sequence: 3, epoch, revision: `${epoch}00`, eventId: `000${epoch}-x`, time: at(0), spec } as unknown as ObjectState;
  return { changeType: 'updated' as const, state };
}

const stored = () => snapshots.get('w-1', 3);

test('a snapshot of lost history gives way to the one that follows in the new epoch, never the other way round', async () => {
  await snapshots.insert([snapshot(1)]);
  await snapshots.insert([snapshot(2)]);
  expect(await stored()).toEqual(snapshot(2));
  await expect(snapshots.insert([snapshot(1)])).rejects.toThrow(RecordConflictError);
  expect(await stored()).toEqual(snapshot(2));
});

test('a program of another version, which writes the state after the same event in another shape, keeps nobody from the record', async () => {
  await snapshots.insert([snapshot(1, { shape: 'old' })]);
  await snapshots.insert([snapshot(1, { shape: 'new' })]);
  expect(await stored()).toEqual(snapshot(1, { shape: 'old' }));
});
