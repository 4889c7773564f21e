/** The servers that Berth lives on. */
export type Dependency = 'etcd' | 'mongodb' | 'temporal';

/** Whether calls of a server are let through. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * How a call of a server ended. `refused` is an answer as well; `unavailable` is none, or none in time; `not tried` is one
 * that an open circuit breaker kept back.
 */
export type CallOutcome = 'done' | 'refused' | 'unavailable' | 'not tried';

/** What operators want to count, said where it happens. All names are from small, fixed sets. */
export interface Telemetry {
  called(dependency: Dependency, operation: string, outcome: CallOutcome, durationMs: number): void;
  /** `cause` is what the last call that counted said. */
  breakerMoved(dependency: Dependency, state: BreakerState, cause: unknown): void;
  /** Documents were inserted into a collection that grows. */
  recorded(collection: string, documents: number, bytes: number): void;
  /** A watch cache was compared with the store at one revision. */
  cacheCompared(outcome: 'equal' | 'different'): void;
  /** A watch cache took its whole content anew. */
  cacheRelisted(why: RelistReason): void;
  /** Refusals of which the record has no room, since MongoDB is away. */
  refusalsDropped(count: number): void;
}

/** Why a watch cache lists everything anew. */
export type RelistReason = 'compacted' | 'replaced' | 'different';

/** For those who count nothing. */
export const silent: Telemetry = {
  called: () => undefined,
  breakerMoved: () => undefined,
  recorded: () => undefined,
  cacheCompared: () => undefined,
  cacheRelisted: () => undefined,
  refusalsDropped: () => undefined,
};
