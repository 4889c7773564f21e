import { Inject, Injectable } from '@nestjs/common';
import type { Owner } from '../../domain/header';
import { defaultProject } from '../../domain/header';
import { admitProject, changeTenant } from '../../domain/tenancy-admission';
import type { ProjectSpec } from '../../domain/tenancy';
import { keys } from '../../stores/etcd/keys';
import { tenantCreation, tenantDecision } from '../../stores/etcd/tenancy-decisions';
import { Belonging } from '../belonging';
import type { Changed } from '../history/spec-changes';
import { SpecChanges } from '../history/spec-changes';
import type { Admitted } from '../http/admission';
import { Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { NewOwners } from '../new-owners';
import { requireQuotaScope } from '../orgs/may-bound';
import { TenantRemoval } from '../orgs/removal';
import type { TenantEntries } from '../orgs/tenant-heads';
import { TenantHeads } from '../orgs/tenant-heads';
import { patchedLimits } from '../quota/schemas';
import type { CreateProject, PatchProject } from './schemas';

type ProjectEntries = TenantEntries<ProjectSpec>;

/** Admits projects and what is asked of them. */
@Injectable()
export class Projects {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(SpecChanges) private readonly changes: SpecChanges,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(NewOwners) private readonly owners: NewOwners,
    @Inject(Belonging) private readonly belonging: Belonging,
    @Inject(TenantHeads) private readonly heads: TenantHeads,
    @Inject(TenantRemoval) private readonly removal: TenantRemoval,
  ) {}

  async create({ org, name, displayName = name, quota }: CreateProject, context: RequestContext): Promise<Admitted<ProjectEntries>> {
    requireQuotaScope(context.caller, quota);
    const owner: Owner = { org: (await this.owners.ofNew(context.caller, { org })).org, project: defaultProject };
    requireWholeOrg(context);
    const id = mintId('r');
    return this.admission.admit<string | undefined, ProjectEntries>({
      context,
      body: { org, name, displayName, quota },
      object: { kind: 'Project', id },
      mintedId: id,
      owner,
      isNewWork: true,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        return this.holderOf(owner.org, name);
      },
      decide: (existingId, admission) => {
        if (existingId !== undefined) throw nameIsTaken(name, existingId);
        const spec = admitProject({ name, displayName, quota: patchedLimits({}, quota ?? {}) }, admission);
        return { decision: this.belonging.into(owner, tenantCreation(spec)), after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (projectId) => this.heads.present('Project', projectId),
    });
  }

  patch(id: string, body: PatchProject, dryRun: boolean, context: RequestContext): Promise<Changed<ProjectEntries>> {
    requireQuotaScope(context.caller, body.quota);
    const { name, displayName, quota } = body;
    return this.changes.change<ProjectSpec, ProjectEntries & { readonly holder?: string | undefined }>({
      context,
      object: { kind: 'Project', id },
      body,
      dryRun,
      read: async (projectId) => {
        const found = await this.heads.present('Project', projectId);
        return { ...found, holder: name === undefined ? undefined : await this.holderOf(found.spec.value.org, name) };
      },
      act: ({ spec, holder }, admission) => {
        if (name !== undefined && holder !== undefined && holder !== id) throw nameIsTaken(name, holder);
        const changes = { ...(name !== undefined && { name }), ...(displayName !== undefined && { displayName }) };
        return changeTenant({ ...changes, ...(quota !== undefined && { quota: patchedLimits(spec.value.quota, quota) }) }, spec.value, admission);
      },
      decision: ({ spec }, changed) => tenantDecision(spec, changed, 'updated'),
    });
  }

  async remove(id: string, context: RequestContext): Promise<Admitted<ProjectEntries>> {
    requireWholeOrg(context);
    return (await this.removal.remove('Project', id, context)) as Admitted<ProjectEntries>;
  }

  private async holderOf(org: string, name: string): Promise<string | undefined> {
    return name === defaultProject ? defaultProject : this.heads.holderOf(keys.projectName(org, name));
  }
}

/** Who is confined to projects neither makes nor removes any. */
function requireWholeOrg({ caller }: RequestContext): void {
  if (caller.projects === undefined) return;
  throw new ApiProblem('forbidden', 'projects are made and deleted by whoever is confined to none', { members: { scope: 'projects:write' } });
}

function nameIsTaken(name: string, existingId: string): ApiProblem {
  return new ApiProblem('project_exists', `a project named ${name} exists already in this org`, { members: { existingId } });
}
