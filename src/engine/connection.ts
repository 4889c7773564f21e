import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { Breaker } from '../breaker';
import { breakerProbeTimeoutMs, engineCallTimeoutMs } from '../domain/limits';
import type { Telemetry } from '../telemetry';
import { silent } from '../telemetry';

export interface EngineOptions {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
}

/** What calls of the engine are made with. Without a breaker each call takes the time that it takes. */
export interface EngineCalls {
  readonly client: Client;
  readonly breaker?: Breaker;
}

export interface Engine extends EngineCalls {
  readonly connection: Connection;
  readonly breaker: Breaker;
  close(): Promise<void>;
}

/** A client of the Temporal server. Lazy: it connects with its first call, so that a server that is down does not stop the API. */
export function openEngine(options: EngineOptions, telemetry: Telemetry = silent): Engine {
  const connection = Connection.lazy({ address: options.address, connectTimeout: '10s' });
  const client = new Client({ connection, namespace: options.namespace });
  const probe = () => client.withDeadline(Date.now() + breakerProbeTimeoutMs, () => connection.workflowService.getSystemInfo({}));
  const breaker = new Breaker({ dependency: 'temporal', isOutage: isEngineOutage, probe, telemetry });
  const close = () => {
    breaker.end();
    return connection.close();
  };
  return { client, connection, breaker, close };
}

/**
 * A call of the engine that ends in bounded time: on a connection that lost its route it would otherwise wait for minutes.
 * It ends at once while the engine does not answer.
 */
export function withinBound<T>({ client, breaker }: EngineCalls, operation: string, call: () => Promise<T>): Promise<T> {
  const bounded = () => client.withDeadline(Date.now() + engineCallTimeoutMs, call);
  return breaker === undefined ? bounded() : breaker.run(operation, bounded);
}

const outageCodes: ReadonlySet<number> = new Set([4, 14]); // DEADLINE_EXCEEDED, UNAVAILABLE

/** The client wraps what gRPC says. */
function isEngineOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isGrpcServiceError(error)) return outageCodes.has(error.code);
  return isEngineOutage(error.cause);
}
