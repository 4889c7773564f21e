import { Inject, Injectable } from '@nestjs/common';
import type { WorkerTemplateSpec } from '../../domain/worker';
import type { Entry } from '../../stores/etcd/client';
import { keys } from '../../stores/etcd/keys';
import type { TemplateEntries } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** Finds worker templates. They never change, so what the cache has of one is all there is to know. */
@Injectable()
export class TemplateLookup {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Throws `template_not_found`. */
  async byId(id: string): Promise<TemplateEntries> {
    const found = this.dependencies.cached.template(id) ?? (await this.inStore(id));
    if (!found) throw new ApiProblem('template_not_found', `there is no worker template ${id}`);
    return found;
  }

  /** Throws `template_not_found`. */
  async byName(name: string): Promise<TemplateEntries> {
    const found = await this.idOf(name);
    if (found === undefined) throw new ApiProblem('template_not_found', `there is no worker template named ${name}`);
    return this.byId(found);
  }

  async idOf(name: string): Promise<string | undefined> {
    const key = keys.templateName(name);
    const claim = this.dependencies.cache.get(key) ?? (await this.dependencies.etcd.get(key));
    return (claim?.value as { readonly id: string } | undefined)?.id;
  }

  private async inStore(id: string): Promise<TemplateEntries | undefined> {
    const spec = await this.dependencies.etcd.get(keys.templateSpec(id));
    return spec && { id, spec: spec as Entry<WorkerTemplateSpec> };
  }
}
