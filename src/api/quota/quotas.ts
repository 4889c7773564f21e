import { Inject, Injectable } from '@nestjs/common';
import { ownerFor, reaches } from '../../domain/authorization';
import { isThereWithoutHead } from '../../domain/belonging';
import { defaultProject } from '../../domain/header';
import type { Caller } from '../../domain/principal';
import type { QuotaUsage } from '../../domain/quota';
import { remainingOf, usedOf } from '../../domain/quota';
import type { OrgSpec, ProjectSpec, QuotaLimits } from '../../domain/tenancy';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import type { QuotaDocument, QuotaQuery } from './schemas';

/** Shows what orgs and projects may hold, and hold. */
@Injectable()
export class Quotas {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async show(query: QuotaQuery, caller: Caller): Promise<QuotaDocument> {
    const revision = await this.reads.upTo(query);
    const own = ownerFor(caller);
    const org = query.org ?? own.org;
    // Who is confined to projects is told of those, not of what all others hold together.
    const project = query.project ?? (caller.projects ? own.project : undefined);
    const limits = project === undefined ? this.limitsOfOrg(org, caller) : this.limitsOfProject(org, project, caller);
    const used = usedOf(this.value<QuotaUsage>(keys.quota(org, project)));
    return { org, ...(project !== undefined && { project }), limits, used, remaining: remainingOf(limits, used), revision: String(revision) };
  }

  private limitsOfOrg(org: string, caller: Caller): QuotaLimits {
    const head = this.value<OrgSpec>(keys.orgSpec(org));
    const isThere = head !== undefined || isThereWithoutHead(org);
    if (!isThere || !reaches({ org: caller.org }, { org, project: defaultProject })) throw new ApiProblem('org_not_found', `there is no org ${org}`);
    return head?.quota ?? {};
  }

  private limitsOfProject(org: string, project: string, caller: Caller): QuotaLimits {
    this.limitsOfOrg(org, caller);
    const found = this.value<ProjectSpec>(keys.projectSpec(project));
    const head = found?.org === org ? found : undefined;
    const isThere = head !== undefined || project === defaultProject;
    if (!isThere || !reaches(caller, { org, project })) throw new ApiProblem('project_not_found', `there is no project ${project} in org ${org}`);
    return head?.quota ?? {};
  }

  private value<Value>(key: string): Value | undefined {
    return this.dependencies.cache.get(key)?.value as Value | undefined;
  }
}
