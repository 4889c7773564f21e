import { Inject, Injectable } from '@nestjs/common';
import { reaches } from '../../domain/authorization';
import type { Caller } from '../../domain/principal';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** How a request names a definition version. */
export interface DefinitionReference {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
}

/** Finds definition versions by id, or by name and version. */
@Injectable()
export class DefinitionLookup {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Archive) private readonly archive: Archive,
  ) {}

  /**
   * `certain`: as it is in etcd now, or was when it retired, else as the cache has it. Throws `definition_not_found`, also
   * when it is another org's.
   */
  async find(reference: DefinitionReference, within: Pick<Caller, 'org' | 'projects'>, certain: boolean): Promise<DefinitionEntries> {
    const { id } = reference;
    const found = id !== undefined && certain ? await this.reachable(id, within) : await this.named(reference, within.org, certain);
    if (found === undefined || !reaches(within, found.spec.value)) throw notFound(reference);
    return found;
  }

  /** What is another org's is looked for as long as what is not there: a quick refusal would tell that there is something. */
  private async reachable(id: string, within: Pick<Caller, 'org' | 'projects'>): Promise<DefinitionEntries | undefined> {
    const live = await this.dependencies.fresh.definition(id).catch(orUndefined);
    const isWithin = live !== undefined && reaches(within, live.spec.value);
    return isWithin ? live : this.archive.retiredDefinition(id);
  }

  /** What has a name and version in an org, in whichever of its projects: a name is given once in an org. */
  async named(reference: DefinitionReference, org: string, certain: boolean): Promise<DefinitionEntries | undefined> {
    const { cached } = this.dependencies;
    const id = reference.id ?? (await this.idByName(reference, org, certain));
    return id === undefined ? undefined : certain ? this.archive.definition(id).catch(orUndefined) : cached.definition(id);
  }

  private async idByName({ name = '', version = '' }: DefinitionReference, org: string, certain: boolean): Promise<string | undefined> {
    const { cache, etcd } = this.dependencies;
    const key = keys.definitionName(org, name, version);
    const claim = certain ? await etcd.get(key) : cache.get(key);
    return (claim?.value as { readonly id: string } | undefined)?.id;
  }
}

function orUndefined(error: unknown): undefined {
  if (!(error instanceof ObjectNotFoundError)) throw error;
}

function notFound({ id, name, version }: DefinitionReference): ApiProblem {
  const what = id === undefined ? `${name} ${version}` : id;
  return new ApiProblem('definition_not_found', `there is no definition ${what}`);
}
