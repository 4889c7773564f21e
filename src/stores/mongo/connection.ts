import {
  MongoBulkWriteError,
  MongoClient,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb';
import type { Collection, Document } from 'mongodb';
import {
  mongoConnectionsMax,
  mongoConnectTimeoutMs,
  mongoServerSelectionTimeoutMs,
  mongoSocketTimeoutMs,
  mongoWaitQueueTimeoutMs,
} from '../../domain/limits';
import { MongoUnavailableError } from './errors';

export interface MongoOptions {
  readonly uri: string;
  readonly database: string;
  /** Shown in the server's log and list of operations. */
  readonly appName: string;
  /** How long a reachable server is looked for. */
  readonly serverSelectionTimeoutMs?: number;
}

/** One database, connected at its first use and again whenever the connection was lost. */
export interface MongoConnection {
  collection<T extends Document>(name: string): Collection<T>;
  /** Runs an operation; a server that cannot be reached becomes `MongoUnavailableError`, `operation` completes "did not …". */
  attempt<T>(operation: string, run: () => Promise<T>): Promise<T>;
  /** Rejects when the server cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Opens no connection yet: a process may start before its MongoDB does. */
export function connectMongo(options: MongoOptions): MongoConnection {
  const client = new MongoClient(options.uri, {
    appName: options.appName,
    serverSelectionTimeoutMS: options.serverSelectionTimeoutMs ?? mongoServerSelectionTimeoutMs,
    connectTimeoutMS: mongoConnectTimeoutMs,
    socketTimeoutMS: mongoSocketTimeoutMs,
    waitQueueTimeoutMS: mongoWaitQueueTimeoutMs,
    maxPoolSize: mongoConnectionsMax,
    // What has been answered must outlive the server that answered.
    writeConcern: { w: 'majority', journal: true },
    ignoreUndefined: true,
  });
  const database = client.db(options.database);
  let closed = false;
  const attempt = async <T>(operation: string, run: () => Promise<T>): Promise<T> => {
    if (closed) throw new MongoUnavailableError(operation, new Error('the connection was closed'));
    try {
      // Costs nothing once connected. Left to itself, a driver whose first attempt failed never tries another.
      await client.connect();
      return await run();
    } catch (error) {
      throw isUnavailable(error) ? new MongoUnavailableError(operation, error) : error;
    }
  };
  return {
    collection: (name) => database.collection(name),
    attempt,
    ping: () => attempt('answer a ping', async () => void (await database.command({ ping: 1 }))),
    close: async () => {
      closed = true;
      await client.close();
    },
  };
}

function isUnavailable(error: unknown): boolean {
  return (
    error instanceof MongoNetworkError ||
    error instanceof MongoServerSelectionError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoNotConnectedError ||
    isDriverErrorOfBulk(error) ||
    // The driver does not export this class.
    (error instanceof MongoError && error.name === 'MongoWaitQueueTimeoutError') ||
    // The server is there but not in a state to answer: stepping down, shutting down, not primary any more.
    (error instanceof MongoError && error.hasErrorLabel('RetryableWriteError'))
  );
}

/** A bulk insert wraps what went wrong on the way, too; such an error lacks the number by which a server says why it refuses. */
function isDriverErrorOfBulk(error: unknown): boolean {
  return error instanceof MongoBulkWriteError && typeof error.code !== 'number';
}
