import { isNativeError } from 'node:util/types';
import {
  MongoAPIError,
  MongoBulkWriteError,
  MongoClient,
  MongoClientClosedError,
  MongoError,
  MongoErrorLabel,
  MongoExpiredSessionError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoServerError,
  MongoTopologyClosedError,
} from 'mongodb';
import type { Collection, Document } from 'mongodb';
import { Breaker, BreakerOpenError } from '../../breaker';
import {
  breakerProbeTimeoutMs,
  mongoConnectionsMax,
  mongoConnectTimeoutMs,
  mongoServerSelectionTimeoutMs,
  mongoSocketTimeoutMs,
  mongoWaitQueueTimeoutMs,
} from '../../domain/limits';
import type { Telemetry } from '../../telemetry';
import { silent } from '../../telemetry';
import { MongoUnavailableError } from './errors';

export interface MongoOptions {
  readonly uri: string;
  readonly database: string;
  /** Shown in the server's log and list of operations. */
  readonly appName: string;
  /** How long a reachable server is looked for. */
  readonly serverSelectionTimeoutMs?: number;
  /** How long an operation may take with all that the driver does for it. */
  readonly operationTimeoutMs?: number;
  readonly telemetry?: Telemetry;
}

/** What the driver gives to each part of an operation, together. */
const operationTimeoutMsDefault = mongoServerSelectionTimeoutMs + mongoWaitQueueTimeoutMs + mongoSocketTimeoutMs;

/** One database, connected at its first use and again whenever the connection was lost. */
export interface MongoConnection {
  collection<T extends Document>(name: string): Collection<T>;
  /** Names of the collections that are there. */
  collectionNames(): Promise<string[]>;
  /**
   * Runs an operation; whatever kept it from being answered becomes `MongoUnavailableError`, `operation` completes "did not …".
   * While the server does not answer that is said at once. Operations have names from a small set: they are counted by name.
   */
  attempt<T>(operation: string, run: () => Promise<T>): Promise<T>;
  /** Asks the server itself something. */
  command(command: Document): Promise<Document>;
  /** Rejects when the server cannot be reached. */
  ping(): Promise<void>;
  readonly breaker: Breaker;
  readonly telemetry: Telemetry;
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
  const { operationTimeoutMs = operationTimeoutMsDefault, telemetry = silent } = options;
  const database = client.db(options.database);
  // Costs nothing once connected. Left to itself, a driver whose first attempt failed never tries another.
  const connected = async <T>(run: () => Promise<T>) => (await client.connect(), run());
  const breaker = new Breaker({
    dependency: 'mongodb',
    isOutage: (error) => isUnavailable(withoutWrapping(error)),
    // With a bound of the driver's own, so that trials nobody waits for any more hold no connection.
    probe: () => within(breakerProbeTimeoutMs, connected(() => database.command({ ping: 1 }, { timeoutMS: breakerProbeTimeoutMs }))),
    telemetry,
  });
  let closed = false;
  const attempt = async <T>(operation: string, run: () => Promise<T>): Promise<T> => {
    if (closed) throw new MongoUnavailableError(operation, new Error('the connection was closed'));
    try {
      return await breaker.run(operation, () => connected(() => within(operationTimeoutMs, run())));
    } catch (error) {
      if (error instanceof BreakerOpenError) throw new MongoUnavailableError(operation, error);
      const reason = withoutWrapping(error);
      throw isUnavailable(reason) ? new MongoUnavailableError(operation, reason) : error;
    }
  };
  return {
    collection: (name) => database.collection(name),
    collectionNames: () => attempt('list its collections', async () => (await database.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name)),
    attempt,
    command: (command) => attempt('answer a command', () => database.command(command)),
    ping: () => attempt('answer a ping', async () => void (await database.command({ ping: 1 }))),
    breaker,
    telemetry,
    close: async () => {
      closed = true;
      breaker.end();
      await client.close();
    },
  };
}

class OverdueError extends Error {}

/** The driver waits without any bound for the answer to what it wrote to a socket that was just being closed. */
async function within<T>(timeoutMs: number, running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OverdueError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([running, overdue]).finally(() => clearTimeout(timer));
}

/** A bulk insert wraps what went wrong on the way; what the server refused is no error but a document there. */
function withoutWrapping(error: unknown): unknown {
  return error instanceof MongoBulkWriteError && isNativeError(error.errorResponse) ? error.errorResponse : error;
}

/**
 * Whether an operation failed on its way, so that it may well succeed when it is repeated. All other failures are refusals,
 * and would be refusals again: the server's answer, the driver's word that it was used wrongly, and whatever is no matter
 * of the connection, such as content that cannot be encoded.
 */
function isUnavailable(error: unknown): boolean {
  if (error instanceof MongoServerError) return isRefusedForNow(error);
  if (error instanceof MongoAPIError) return closedErrors.some((type) => error instanceof type);
  return error instanceof MongoError || error instanceof OverdueError || isSystemError(error);
}

/** Something was closed under the operation: by us, or because the server went. The driver counts that as wrong use. */
const closedErrors = [
  MongoClientClosedError,
  MongoExpiredSessionError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoTopologyClosedError,
];

/** Codes of a server that starts, stops or steps down, as the specification of retryable reads has them: reads get no label. */
const codesOfChange: ReadonlySet<unknown> = new Set([6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]);

/** The server is there but in no state to answer, or has too much to do. */
function isRefusedForNow(error: MongoServerError): boolean {
  const { RetryableError, RetryableWriteError } = MongoErrorLabel;
  return error.hasErrorLabel(RetryableWriteError) || error.hasErrorLabel(RetryableError) || codesOfChange.has(error.code);
}

/** Who writes to a socket that the server has just closed gets the error of the system, such as EPIPE, and not the driver's. */
function isSystemError(error: unknown): boolean {
  return isNativeError(error) && 'code' in error && typeof error.code === 'string' && /^E(?!RR_)/.test(error.code);
}
