import { MongoClient } from 'mongodb';
import { freshDatabase, testServers } from '../../support/servers';
import { eventually } from '../../support/etcd';

const client = new MongoClient(testServers().mongodb);
const database = client.db(freshDatabase());
const collection = database.collection<{ _id: string; n: number }>('read_by_id');

afterAll(async () => {
  await database.dropDatabase();
  await client.close();
});

/** How the server finds what a filter asks for, in its own words. */
async function planOf(filter: object): Promise<string> {
  // A query learns of new indexes, a question about one does not.
  await collection.findOne(filter);
  const explained: unknown = await database.command({ explain: { find: 'read_by_id', filter }, verbosity: 'queryPlanner' });
  return JSON.stringify(explained);
}

describe('the embedded server', () => {
  it('comes to find a document of a new collection by its index, asked by its id alone', async () => {
    await collection.insertMany(Array.from({ length: 100 }, (_, n) => ({ _id: `id-${n}`, n })));
    await eventually('the index is used', async () => (await planOf({ _id: 'id-7' })).includes('USING INDEX'));
    expect(await planOf({ _id: 'id-7', n: 7 })).not.toContain('USING INDEX');
    expect(await collection.findOne({ _id: 'id-7' })).toEqual({ _id: 'id-7', n: 7 });
    expect(await collection.findOne({ _id: 'id-none' })).toBeNull();
  });

  it('refuses an id that is taken as before, and lists the index as before', async () => {
    await expect(collection.insertOne({ _id: 'id-7', n: 8 })).rejects.toMatchObject({ code: 11000 });
    expect(await collection.indexes()).toEqual([{ v: 2, key: { _id: 1 }, name: '_id_' }]);
    await collection.drop();
    await collection.insertOne({ _id: 'id-7', n: 9 });
    expect(await collection.findOne({ _id: 'id-7' })).toEqual({ _id: 'id-7', n: 9 });
  });
});
