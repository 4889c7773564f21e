import { Inject, Injectable } from '@nestjs/common';
import semver from 'semver';
import { ownerFor, reaches } from '../../domain/authorization';
import { nameWithin } from '../../stores/etcd/keys';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer, readAnswer } from '../http/answers';
import type { Page } from '../http/paging';
import { isOwnedBy, visibleOwners } from '../../domain/ownership';
import type { Owners } from '../../domain/ownership';
import type { RequestContext } from '../http/context';
import { pageOfObjects, withCursor } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { hasLabels, labelTexts } from '../http/queries';
import { Reads } from '../http/reads';
import type { DefinitionVersions, DefinitionVersionsQuery, DefinitionView, ListDefinitionsQuery } from './api-schemas';
import { viewOfDefinition } from './view';

/** Shows definition versions. */
@Injectable()
export class Definitions {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Archive) private readonly archive: Archive,
  ) {}

  async get(id: string, query: ReadQuery): Promise<Answer<DefinitionView>> {
    const revision = await this.reads.upTo(query);
    const found = this.dependencies.cached.definition(id) ?? (await this.archive.definition(id));
    return readAnswer(await this.whole(found, Math.max(revision, resourceVersion(found.spec, found.status))), found.spec);
  }

  async list(query: ListDefinitionsQuery, { caller }: RequestContext): Promise<Page<DefinitionView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const { cached } = this.dependencies;
    const owners = visibleOwners(caller, 'Definition', query);
    const filter = { owners, phases: query.phase, labels: labelTexts(query.label), definition: query.name };
    if (query.archived) return this.archive.definitions(filter, { ...page, revision }, (entries) => viewOfDefinition(entries, revision), (id) => cached.definition(id) !== undefined);
    const found = cached.definitions().filter((entries) => matches(entries, query, owners));
    return pageOfObjects(found, page, revision, (entries) => viewOfDefinition(entries, revision));
  }

  /** All versions of one name, the highest first, those that were deleted or archived included. */
  async versions(name: string, query: DefinitionVersionsQuery, { caller }: RequestContext): Promise<DefinitionVersions> {
    const revision = await this.reads.upTo(query);
    const { org = ownerFor(caller).org } = query;
    const claimed = await Promise.all(this.idsOf(org, name).map(async (id) => this.dependencies.cached.definition(id) ?? this.archive.definition(id)));
    const found = claimed.filter(({ spec }) => reaches(caller, spec.value));
    found.sort((one, other) => semver.rcompare(one.spec.value.version, other.spec.value.version));
    return { items: found.map((entries) => viewOfDefinition(entries, revision)), revision: String(revision) };
  }

  /** From the claims of its versions, which stay for ever. */
  private idsOf(org: string, name: string): string[] {
    return [...this.dependencies.cache.object('definition-names', nameWithin(org, name)).values()].map(({ value }) => (value as { readonly id: string }).id);
  }

  async answer(admitted: Admitted<DefinitionEntries>): Promise<Answer<DefinitionView>> {
    const { subject, revision = subject.status.revision } = admitted;
    return mutationAnswer(await this.whole(subject, revision), { ...admitted, location: `/api/v1/definitions/${subject.id}` });
  }

  private async whole(entries: DefinitionEntries, revision: number): Promise<DefinitionView> {
    return viewOfDefinition(entries, revision, await this.dependencies.definitionBodies.get(entries.spec.value.contentHash));
  }
}

function matches({ spec, status }: DefinitionEntries, query: ListDefinitionsQuery, owners: Owners): boolean {
  const { phase } = status.value;
  return (
    isOwnedBy(owners, spec.value) &&
    (query.phase === undefined ? phase !== 'DELETED' : query.phase.includes(phase)) &&
    (query.name === undefined || spec.value.name === query.name) &&
    hasLabels(spec.value.labels, query.label)
  );
}
