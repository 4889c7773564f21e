import { MongoClient } from 'mongodb';
import type { RecordedEvent } from '../../../src/domain/events';
import { eventId, toCloudEvent } from '../../../src/domain/events';
import { AuditEvents } from '../../../src/stores/mongo/audit-events';
import type { MongoConnection } from '../../../src/stores/mongo/connection';
import { connectMongo } from '../../../src/stores/mongo/connection';
import { alone, migrate } from '../../../src/stores/mongo/migrate';
import { RecordConflictError } from '../../../src/stores/mongo/errors';
import { freshDatabase, testServers } from '../../support/servers';

const database = freshDatabase();
const raw = new MongoClient(testServers().mongodb);
let connection: MongoConnection;
let events: AuditEvents;

beforeAll(async () => {
  connection = connectMongo({ uri: testServers().mongodb, database, appName: 'test' });
  events = new AuditEvents(connection);
  await migrate(connection, alone);
});

afterAll(async () => {
  await raw.db(database).dropDatabase();
  await Promise.all([connection.close(), raw.close()]);
});

let lastRevision = 100;

/** Events of one object, each in a transaction of its own. */
function eventsOf(subject: string, count: number): RecordedEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    type: 'berth.instance.phase-changed',
    schemaVersion: 1,
    org: 'default',
    project: 'default',
    kind: 'Instance' as const,
    subject,
    sequence: index + 1,
    time: '2026-11-21T10:00:00.000Z',
    cause: { actor: 'lifecycle', requestId: 'r', causationId: 'c' },
    data: { to: 'RUNNING', labels: { 'a.b/c': '$x', $d: 1 }, lists: [[1, 2], []], nothing: null, large: 2 ** 40 },
    epoch: 1,
    revision: String(++lastRevision),
    index: 0,
  }));
}

describe('the record of events', () => {
  it('gives back CloudEvents as they were, in the order of their sequence, by pages', async () => {
    const recorded = eventsOf('paged', 5);
    await events.insert([recorded[3]!, recorded[1]!, recorded[4]!]);
    await events.insert([recorded[2]!, recorded[0]!, ...eventsOf('another', 1)]);
    expect(await events.ofSubject('paged', { limit: 10 })).toEqual(recorded.map(toCloudEvent));
    const page = await events.ofSubject('paged', { afterSequence: 2, limit: 2 });
    expect(page.map(({ sequence }) => sequence)).toEqual([3, 4]);
    expect(await events.ofSubject('paged', { afterSequence: 5, limit: 10 })).toEqual([]);
    expect(await events.ofSubject('unknown', { limit: 10 })).toEqual([]);
  });

  it('stores each under its id, with its attributes as fields to query by', async () => {
    const [event] = eventsOf('stored', 1);
    await events.insert([event!]);
    const documents = raw.db(database).collection<{ _id: string }>('audit_events');
    expect(await documents.findOne({ _id: eventId(event!) })).toMatchObject({
      specversion: '1.0',
      subject: 'stored',
      type: 'berth.instance.phase-changed',
      actor: 'lifecycle',
      requestid: 'r',
    });
  });

  it('takes the same events again, alone, among new ones and at once', async () => {
    const recorded = eventsOf('again', 6);
    await events.insert(recorded.slice(0, 3));
    await events.insert(recorded.slice(0, 1));
    await Promise.all([events.insert(recorded), events.insert(recorded), events.insert([...recorded].reverse())]);
    expect(await events.ofSubject('again', { limit: 10 })).toEqual(recorded.map(toCloudEvent));
  });

  it('refuses another event under the same id, names both, and keeps the first', async () => {
    const [first, ...others] = eventsOf('conflict', 3);
    await events.insert([first!]);
    const forged = { ...first!, data: { to: 'FAILED' } };
    const insertion = events.insert([forged, ...others]);
    await expect(insertion).rejects.toThrow(RecordConflictError);
    await expect(insertion).rejects.toMatchObject({
      collection: 'audit_events',
      id: eventId(first!),
      stored: { data: expect.stringContaining('RUNNING') as string },
      given: { data: '{"to":"FAILED"}' },
    });
    // What did not conflict is recorded all the same: unordered.
    expect(await events.ofSubject('conflict', { limit: 10 })).toEqual([first!, ...others].map(toCloudEvent));
  });

  it('takes nothing', async () => {
    await expect(events.insert([])).resolves.toBeUndefined();
  });

  it('takes 1,000 events at once, and the same again', async () => {
    const recorded = eventsOf('many', 1000);
    await events.insert(recorded);
    await events.insert(recorded.slice(990));
    const found = await events.ofSubject('many', { limit: 2000 });
    expect(found).toHaveLength(1000);
    expect(found.at(-1)).toEqual(toCloudEvent(recorded.at(-1)!));
  });
});
