import { connectMongo } from '../../../src/stores/mongo/connection';
import type { RecordDocument } from './history';

/** The whole permanent record, as it is now. */
export async function readRecord(mongoUri: string, database: string): Promise<readonly RecordDocument[]> {
  const mongo = connectMongo({ uri: mongoUri, database, appName: 'fault-harness' });
  try {
    return await mongo.attempt('read the record', () => mongo.collection<RecordDocument>('audit_events').find().toArray());
  } finally {
    await mongo.close();
  }
}
