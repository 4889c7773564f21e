import { Inject, Injectable } from '@nestjs/common';
import { pageSizeDefault } from '../domain/limits';
import { ObjectNotFoundError } from '../stores/etcd/errors';
import type { DefinitionEntries, InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import type { RetiredFilter, RetiredObject, RetiringKind } from '../stores/mongo/retired-objects';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';
import type { Page } from './http/paging';
import { cursorAfter } from './http/paging';
import { ApiProblem } from './http/problem';

/**
 * Finds objects wherever they are: in etcd, or, if they have ended long ago, among those that retired to MongoDB. What is in
 * etcd counts: until an object has left it, its document in MongoDB is nothing but the beginning of its retirement.
 */
@Injectable()
export class Archive {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** As it is now. Throws ObjectNotFoundError. */
  instance(id: string): Promise<InstanceEntries> {
    return this.find('Instance', () => this.dependencies.fresh.instance(id), id, instanceEntries);
  }

  /** As it is now. Throws ObjectNotFoundError. */
  worker(id: string): Promise<WorkerEntries> {
    return this.find('Worker', () => this.dependencies.fresh.worker(id), id, workerEntries);
  }

  /** As it is now. Throws ObjectNotFoundError. */
  definition(id: string): Promise<DefinitionEntries> {
    return this.find('Definition', () => this.dependencies.fresh.definition(id), id, definitionEntries);
  }

  /** As it was when it retired; undefined where none of this id has. */
  async retiredDefinition(id: string): Promise<DefinitionEntries | undefined> {
    const retired = await this.dependencies.retired.get('Definition', id);
    return retired && definitionEntries(retired);
  }

  /** Retired instances; `isLive` tells those that have not left etcd yet, as far as the reader's revision goes. */
  instances<Item>(filter: RetiredFilter, page: ArchivePageQuery, show: (entries: InstanceEntries) => Item, isLive: (id: string) => boolean): Promise<Page<Item>> {
    return this.page('Instance', filter, page, isLive, (object) => show(instanceEntries(object)));
  }

  workers<Item>(filter: RetiredFilter, page: ArchivePageQuery, show: (entries: WorkerEntries) => Item, isLive: (id: string) => boolean): Promise<Page<Item>> {
    return this.page('Worker', filter, page, isLive, (object) => show(workerEntries(object)));
  }

  definitions<Item>(filter: RetiredFilter, page: ArchivePageQuery, show: (entries: DefinitionEntries) => Item, isLive: (id: string) => boolean): Promise<Page<Item>> {
    return this.page('Definition', filter, page, isLive, (object) => show(definitionEntries(object)));
  }

  private async find<Kind extends RetiringKind, Entries>(kind: Kind, inStore: () => Promise<Entries>, id: string, toEntries: (object: RetiredObject<Kind>) => Entries): Promise<Entries> {
    try {
      return await inStore();
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      const retired = await this.dependencies.retired.get(kind, id);
      if (retired === undefined) throw error;
      return toEntries(retired);
    }
  }

  private async page<Kind extends RetiringKind, Item>(
    kind: Kind,
    filter: RetiredFilter,
    { after, limit = pageSizeDefault, revision }: ArchivePageQuery,
    isLive: (id: string) => boolean,
    show: (object: RetiredObject<Kind>) => Item,
  ): Promise<Page<Item>> {
    const found = await this.dependencies.retired.list(kind, filter, { after, limit: limit + 1 });
    const here = found.slice(0, limit);
    const last = here[here.length - 1];
    return {
      items: here.filter(({ id }) => !isLive(id)).map(show),
      revision: String(revision),
      ...(found.length > limit && last && { nextCursor: cursorAfter(last.id, revision) }),
    };
  }
}

/** Which page of the archive, and the revision that its reader is at. */
interface ArchivePageQuery {
  readonly after: string;
  readonly limit?: number | undefined;
  readonly revision: number;
}

/** The object, unless it has retired: then what is asked of it cannot be done any more. */
export function requireLive<Entries extends InstanceEntries | WorkerEntries | DefinitionEntries>(entries: Entries): Entries {
  if (entries.archived === undefined) return entries;
  const { kind } = entries.spec.value;
  const { phase } = entries.status.value;
  const code = `${kinds[kind]}_not_found` as const;
  throw new ApiProblem(code, `${kinds[kind]} ${entries.id} is ${phase} and archived; it can still be read, and nothing can be done with it`, { members: { archived: true, phase } });
}

const kinds = { Instance: 'instance', Worker: 'worker', Definition: 'definition' } as const;

function instanceEntries({ id, spec, status, specRevision, statusRevision }: RetiredObject<'Instance'>): InstanceEntries {
  return { id, spec: { value: spec, revision: specRevision }, status: { value: status, revision: statusRevision }, allocation: undefined, observed: undefined, archived: true };
}

function workerEntries({ id, spec, status, specRevision, statusRevision }: RetiredObject<'Worker'>): WorkerEntries {
  return {
    id,
    spec: { value: spec, revision: specRevision },
    status: { value: status, revision: statusRevision },
    capacity: undefined,
    ports: undefined,
    observed: undefined,
    lease: undefined,
    plan: new Map(),
    archived: true,
  };
}

function definitionEntries({ id, spec, status, specRevision, statusRevision }: RetiredObject<'Definition'>): DefinitionEntries {
  return { id, spec: { value: spec, revision: specRevision }, status: { value: status, revision: statusRevision }, archived: true };
}
