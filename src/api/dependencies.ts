import type { Logger } from 'pino';
import type { ObjectReference } from '../domain/answer';
import type { AuditFilter, AuditLine, AuditPlace } from '../domain/audit';
import type { DefinitionBody } from '../domain/definition';
import type { Epochs } from '../domain/epochs';
import type { CloudEvent } from '../domain/events';
import type { WorkflowRun } from '../domain/workflow-run';
import type { Workload } from '../domain/workload';
import type { EtcdClient } from '../stores/etcd/client';
import type { Committer } from '../stores/etcd/committer';
import type { EventLogBounds, RecordOfEvents } from '../stores/etcd/event-log';
import type { Leases } from '../stores/etcd/lease';
import type { CachedObjects, FreshObjects } from '../stores/etcd/objects';
import type { WatchCache } from '../stores/etcd/watch-cache';
import type { IdentifiedRefusal } from '../stores/mongo/audit-refusals';
import type { SnapshotRecord } from '../stores/mongo/snapshots';
import type { RequestBounds } from './limits/request-bounds';
import type { ServerBounds } from './http/server-bounds';
import type { BreakerState, Dependency } from '../telemetry';
import type { RetiredObjects } from '../stores/mongo/retired-objects';

/** Immutable documents under the hash of their content. */
export interface Bodies<T> {
  /** Stores a document that may be there already; answers its hash. */
  put(body: T): Promise<string>;
  /** Rejects when there is none. */
  get(hash: string): Promise<T>;
}

/** A part of the audit: what was done, or what was refused. */
export interface AuditSource {
  /** In order, after a place, at most `limit`. */
  lines(filter: AuditFilter, after: AuditPlace | undefined, limit: number): Promise<readonly AuditLine[]>;
  /** All that a filter asks for, in order. */
  stream(filter: AuditFilter): AsyncGenerator<AuditLine>;
}

/** Who was refused what. */
export interface RefusalRecords extends AuditSource {
  /** Inserting one again is fine. */
  insert(refusals: readonly IdentifiedRefusal[]): Promise<void>;
}

/** The permanent record, as far as the API reads it. */
export interface AuditTrail extends RecordOfEvents {
  /** Events of one object with a higher sequence, ascending, at most `limit`. */
  ofSubject(subject: string, page: { readonly afterSequence: number; readonly limit: number }): Promise<readonly CloudEvent[]>;
  /** Every event, or every event of one object, in no order. */
  scan(subject?: string): AsyncIterable<CloudEvent>;
}

export interface DependencyHealth {
  readonly name: Dependency;
  /** What keeps calls of it back while it does not answer. */
  readonly breaker?: { readonly state: BreakerState };
  /** Rejects when the dependency cannot be used. */
  check(): Promise<void>;
}

/** What the process counts of itself. */
export interface ShownMetrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Bounds of the change stream. */
export interface EventBounds extends EventLogBounds {
  readonly readersMax: number;
  readonly batchBytesMax: number;
  readonly heartbeatIntervalMs: number;
  readonly drainMsMax: number;
}

/** Everything that the API needs and does not make itself. */
export interface ApiDependencies {
  readonly etcd: EtcdClient;
  /** A connection to each member of etcd, by its address: each allocates and defragments by itself. */
  readonly etcdMembers: ReadonlyMap<string, EtcdClient>;
  /** Quota of etcd's store; new work is refused when most of it is used. */
  readonly etcdQuotaBytes: number;
  /** The epoch that the store is in, and those before it. */
  readonly epochs: Epochs;
  readonly committer: Committer;
  readonly fresh: FreshObjects;
  readonly cached: CachedObjects;
  readonly cache: WatchCache;
  readonly leases: Leases;
  readonly definitionBodies: Bodies<DefinitionBody>;
  readonly artifactBodies: Bodies<string>;
  readonly workloads: Pick<Bodies<Workload>, 'get'>;
  readonly auditEvents: AuditTrail;
  /** The same events, as the audit tells them. */
  readonly auditMutations: AuditSource;
  readonly auditRefusals: RefusalRecords;
  /** Counts refusals that found no room while MongoDB was away. */
  readonly refusalsDropped: (count: number) => void;
  readonly snapshots: Pick<SnapshotRecord, 'get'>;
  /** All runs of an object's lifecycle, oldest first. `complete` is false when the engine could not be asked. */
  readonly runsOf: (object: ObjectReference) => Promise<{ readonly runs: readonly WorkflowRun[]; readonly complete: boolean }>;
  /** Objects that have ended and left etcd. */
  readonly retired: Pick<RetiredObjects, 'get' | 'list'>;
  /** Has a lifecycle look. Never awaited, cannot fail; one that gets lost is the repairer's. */
  readonly nudge: (kind: 'Instance' | 'Worker', id: string) => void;
  /** Where `file:` URIs of artifacts point. */
  readonly artifactsDirectory: string;
  readonly dependenciesHealth: readonly DependencyHealth[];
  readonly metrics: ShownMetrics;
  /** Bounds of the change stream that differ from the defaults. */
  readonly eventBounds?: Partial<EventBounds>;
  /** How much callers may ask for, where it differs from the defaults. */
  readonly requestBounds?: Partial<RequestBounds>;
  /** Bounds of connections that differ from the defaults. */
  readonly serverBounds?: Partial<ServerBounds>;
  /** The issuer whose tokens let in those that are known by it; undefined: none does. */
  readonly oidc?: { readonly issuer: string; readonly audience: string; readonly jwksUri?: string | undefined } | undefined;
  readonly log: Logger;
}

/** Injection token of `ApiDependencies`. */
export const apiDependencies = Symbol('ApiDependencies');
