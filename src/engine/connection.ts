import { Client, Connection } from '@temporalio/client';
import { engineCallTimeoutMs } from '../domain/limits';

export interface EngineOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
}

/** A client of the Temporal server. Lazy: it connects with its first call, so that a server that is down does not stop the API. */
export function openEngine(options: EngineOptions): { client: Client; connection: Connection } {
  const connection = Connection.lazy({ address: options.address, connectTimeout: '10s' });
  return { connection, client: new Client({ connection, namespace: options.namespace }) };
}

/** A call of the engine that ends in bounded time: on a connection that lost its route it would otherwise wait for minutes. */
export function withinBound<T>(client: Client, call: () => Promise<T>): Promise<T> {
  return client.withDeadline(Date.now() + engineCallTimeoutMs, call);
}
