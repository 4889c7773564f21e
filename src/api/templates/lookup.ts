import { Inject, Injectable } from '@nestjs/common';
import type { WorkerTemplateSpec } from '../../domain/worker';
import type { Entry } from '../../stores/etcd/client';
import { keys } from '../../stores/etcd/keys';
import type { TemplateEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** Finds worker templates. They never change, so what the cache has of one is what it is, for as long as it is there. */
@Injectable()
export class TemplateLookup {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Throws `template_not_found`. */
  async byId(id: string): Promise<TemplateEntries> {
    const found = this.dependencies.cached.template(id) ?? (await this.inStore(id));
    if (!found) throw new ApiProblem('template_not_found', `there is no worker template ${id}`);
    return found;
  }

  /** The first of these orgs that has one of this name says which is meant. Throws `template_not_found`. */
  async byName(name: string, orgs: readonly string[]): Promise<TemplateEntries> {
    const [org, ...others] = orgs;
    const found = org === undefined ? undefined : await this.idOf(org, name);
    if (found === undefined && others.length > 0) return this.byName(name, others);
    if (found === undefined) throw new ApiProblem('template_not_found', `there is no worker template named ${name}`);
    return this.byId(found);
  }

  async idOf(org: string, name: string): Promise<string | undefined> {
    const key = keys.templateName(org, name);
    const claim = this.dependencies.cache.get(key) ?? (await this.dependencies.etcd.get(key));
    return (claim?.value as { readonly id: string } | undefined)?.id;
  }

  /** As it is in the store. Throws `template_not_found`. */
  async present(id: string): Promise<TemplateEntries> {
    const found = await this.inStore(id);
    if (!found) throw new ApiProblem('template_not_found', `there is no worker template ${id}`);
    return found;
  }

  private async inStore(id: string): Promise<TemplateEntries | undefined> {
    const spec = await this.dependencies.etcd.get(keys.templateSpec(id));
    return spec && { id, spec: spec as Entry<WorkerTemplateSpec> };
  }
}
