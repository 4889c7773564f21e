import type { Filter } from 'mongodb';
import { canonicalJson } from '../../domain/canonical-json';
import type { DefinitionSpec, DefinitionStatus } from '../../domain/definition';
import { defaultProject } from '../../domain/header';
import type { InstanceSpec, InstanceStatus } from '../../domain/instance';
import type { OwnedBy, Owners } from '../../domain/ownership';
import type { WorkerSpec, WorkerStatus } from '../../domain/worker';
import type { MongoConnection } from './connection';
import type { RecordConflictError } from './errors';
import { insertOnce } from './insert-once';

/** What retires, by kind. */
export interface RetiringKinds {
  readonly Instance: { readonly spec: InstanceSpec; readonly status: InstanceStatus };
  readonly Worker: { readonly spec: WorkerSpec; readonly status: WorkerStatus };
  readonly Definition: { readonly spec: DefinitionSpec; readonly status: DefinitionStatus };
}
export type RetiringKind = keyof RetiringKinds;

/** An object as it was last, after it has left etcd. */
export interface RetiredObject<Kind extends RetiringKind = RetiringKind> {
  readonly id: string;
  readonly kind: Kind;
  readonly spec: RetiringKinds[Kind]['spec'];
  /** Of workers without what is secret. */
  readonly status: RetiringKinds[Kind]['status'];
  /** Revisions of its two keys: they go on to be its ETag and its version. */
  readonly specRevision: number;
  readonly statusRevision: number;
  /** The epoch that it retired in. */
  readonly epoch: number;
  /** When it came to its end, ISO 8601. */
  readonly endedAt: string;
}

/** What retired objects are listed by. */
export interface RetiredFilter {
  /** Whose they are. */
  readonly owners?: Owners;
  readonly phases?: readonly string[] | undefined;
  /** Each as `name=value`. */
  readonly labels?: readonly string[] | undefined;
  /** Name of a definition: the instance's, or its own. */
  readonly definition?: string | undefined;
  /** Name of the worker's template. */
  readonly template?: string | undefined;
}

export interface RetiredPage {
  /** Ids after this one. */
  readonly after: string;
  readonly limit: number;
}

/** What people look for stands beside the object, which is one text: its keys hold dots, which not every server takes. */
interface RetiredDocument {
  readonly _id: string;
  readonly kind: RetiringKind;
  readonly org: string;
  /** Absent: `default`, of which all were before there were others. */
  readonly project?: string;
  readonly phase: string;
  readonly labels: readonly string[];
  readonly definition?: string;
  readonly template?: string;
  readonly createdAt: string;
  readonly endedAt: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly revision: string;
  readonly specRevision: number;
  readonly statusRevision: number;
  /** Canonical JSON of `{spec, status}`. */
  readonly object: string;
}

/** Objects that have left etcd, each under its id. One that is in etcd still, since its retirement did not come to its end, does not count yet. */
export class RetiredObjects {
  constructor(private readonly connection: MongoConnection) {}

  /** Inserting the same again is fine; another state of it under its id is a `RecordConflictError`, see `removeOther`. */
  async insert(object: RetiredObject): Promise<void> {
    await insertOnce(this.connection, this.collection(), [toDocument(object)]);
  }

  /** Takes away what was left by a retirement that never came, of an object that has changed since and is there still. */
  async removeOther(error: RecordConflictError): Promise<void> {
    const { _id, revision, epoch } = error.stored as RetiredDocument; // Not by its id alone: the right one may have come since.
    await this.connection.attempt('delete from retired_objects', () => this.collection().deleteOne({ _id, revision, epoch }));
  }

  async get<Kind extends RetiringKind>(kind: Kind, id: string): Promise<RetiredObject<Kind> | undefined> {
    const document = await this.connection.attempt('read retired_objects', () => this.collection().findOne({ _id: id }));
    return document?.kind === kind ? fromDocument<Kind>(document) : undefined;
  }

  /** In the order of ids. */
  async list<Kind extends RetiringKind>(kind: Kind, filter: RetiredFilter, { after, limit }: RetiredPage): Promise<Array<RetiredObject<Kind>>> {
    if (filter.owners?.length === 0) return [];
    const { owners, phases, labels = [], definition, template } = filter;
    const query: Filter<RetiredDocument> = {
      kind,
      _id: { $gt: after },
      ...(phases !== undefined && { phase: { $in: [...phases] } }),
      ...(labels.length > 0 && { labels: { $all: [...labels] } }),
      ...(definition !== undefined && { definition }),
      ...(template !== undefined && { template }),
      ...(owners !== undefined && { $or: owners.map(ownedBy) }),
    };
    const documents = await this.connection.attempt('list retired_objects', () => this.collection().find(query).sort({ _id: 1 }).limit(limit).toArray());
    return documents.map((document) => fromDocument<Kind>(document));
  }

  private collection() {
    return this.connection.collection<RetiredDocument>('retired_objects');
  }
}

function toDocument({ id, kind, spec, status, specRevision, statusRevision, epoch, endedAt }: RetiredObject): RetiredDocument {
  return {
    _id: id,
    kind,
    org: spec.org,
    ...(spec.project !== defaultProject && { project: spec.project }),
    phase: status.phase,
    labels: Object.entries(spec.labels).map(([name, value]) => `${name}=${value}`).sort(),
    ...(spec.kind === 'Instance' && { definition: spec.definition.name }),
    ...(spec.kind === 'Definition' && { definition: spec.name }),
    ...(spec.kind === 'Worker' && { template: spec.template.name }),
    createdAt: spec.createdAt,
    endedAt,
    sequence: Math.max(spec.sequence, status.sequence),
    epoch,
    revision: String(Math.max(specRevision, statusRevision)),
    specRevision,
    statusRevision,
    object: canonicalJson({ spec, status }),
  };
}

function ownedBy({ org, projects }: OwnedBy): Filter<RetiredDocument> {
  return {
    ...(org !== undefined && { org }),
    ...(projects !== undefined && {
      $or: [{ project: { $in: [...projects] } }, ...(projects.includes(defaultProject) ? [{ project: { $exists: false } }] : [])],
    }),
  };
}

function fromDocument<Kind extends RetiringKind>(document: RetiredDocument): RetiredObject<Kind> {
  const { _id, kind, specRevision, statusRevision, epoch, endedAt, object } = document;
  const parts = JSON.parse(object) as RetiringKinds[Kind];
  return { id: _id, kind: kind as Kind, specRevision, statusRevision, epoch, endedAt, ...parts };
}
