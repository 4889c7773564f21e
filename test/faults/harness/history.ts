/**
 * What was recorded of a run of the harness: plain data, so that a history can be written down, kept, and made by hand.
 */

/** One key as a transaction left it. */
export type StoreChange =
  | { readonly key: string; readonly value: unknown; readonly deleted?: undefined }
  | { readonly key: string; readonly deleted: true };

/** One whole transaction. */
export interface StoreRevision {
  readonly revision: number;
  readonly changes: readonly StoreChange[];
}

/** Revisions, both inclusive, of which nobody knows what was in them. */
export interface StoreGap {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Every change under the stack's prefix, in order; keys are relative to the prefix. */
export interface StoreHistory {
  readonly revisions: readonly StoreRevision[];
  readonly gaps: readonly StoreGap[];
}

/** One attempt at one request, as its client saw it. */
export interface Call {
  readonly id: string;
  readonly method: string;
  /** Below `/api/v1`, with its query: `/instances/i-1/stop`. */
  readonly path: string;
  readonly body?: unknown;
  /** The same for all attempts at one request. */
  readonly idempotencyKey?: string;
  /** The api process, or the proxy before it, that was asked. */
  readonly url: string;
  readonly startedAtMs: number;
  /** Absent while it is under way. */
  readonly endedAtMs?: number;
  readonly outcome?: CallOutcome;
}

export type CallOutcome = { readonly status: number; readonly body: unknown } | { readonly error: string };

/** A document of `audit_events`, as MongoDB holds it. */
export interface RecordDocument {
  readonly _id: string;
  readonly [attribute: string]: unknown;
}

/** One start of one component, as told by itself; in the order of their starts. What it does not know is not judged. */
export interface Run {
  readonly instanceId: string;
  readonly pid: number;
  /** Where an instance has several. */
  readonly component?: string | undefined;
  readonly allocationId?: string | undefined;
  readonly attempt?: number | undefined;
  readonly startedAtMs?: number | undefined;
  readonly endedAtMs?: number | undefined;
  /** Its last proof of life, for one that was killed before it could tell of its end. */
  readonly lastSeenAtMs?: number | undefined;
  /** Process id of an earlier start of the same that was still alive when this one began. */
  readonly aliveBefore?: number | undefined;
}

/** What was there when everything was over, each with a line that a person can follow. */
export interface EndState {
  readonly liveProcesses: readonly string[];
  readonly leftDirectories: readonly string[];
}

/** Everything that is known of a run. */
export interface RunHistory {
  readonly store: StoreHistory;
  readonly calls: readonly Call[];
  readonly record: readonly RecordDocument[];
  readonly runs: readonly Run[];
  readonly end: EndState;
}
