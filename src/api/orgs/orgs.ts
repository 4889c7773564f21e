import { Inject, Injectable } from '@nestjs/common';
import { defaultOrg, platformOrg } from '../../domain/header';
import { admitOrg, changeTenant } from '../../domain/tenancy-admission';
import type { OrgSpec } from '../../domain/tenancy';
import { keys } from '../../stores/etcd/keys';
import { tenantCreation, tenantDecision } from '../../stores/etcd/tenancy-decisions';
import type { Changed } from '../history/spec-changes';
import { SpecChanges } from '../history/spec-changes';
import type { Admitted } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { patchedLimits } from '../quota/schemas';
import { requirePlatform, requireQuotaScope } from './may-bound';
import { TenantRemoval } from './removal';
import type { CreateOrg, PatchOrg } from './schemas';
import type { TenantEntries } from './tenant-heads';
import { TenantHeads } from './tenant-heads';

type OrgEntries = TenantEntries<OrgSpec>;

/** Admits orgs and what is asked of them. */
@Injectable()
export class Orgs {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(SpecChanges) private readonly changes: SpecChanges,
    @Inject(TenantHeads) private readonly heads: TenantHeads,
    @Inject(TenantRemoval) private readonly removal: TenantRemoval,
  ) {}

  /** The org `default` is there without a head; to create it is to give it one, so that it can be bounded and suspended. */
  create({ name, displayName = name, quota }: CreateOrg, context: RequestContext): Promise<Admitted<OrgEntries>> {
    requirePlatform(context.caller, 'to create orgs');
    requireQuotaScope(context.caller, quota);
    const id = name === defaultOrg ? defaultOrg : mintId('o');
    return this.admission.admit<string | undefined, OrgEntries>({
      context,
      body: { name, displayName, quota },
      object: { kind: 'Org', id },
      mintedId: id,
      isNewWork: true,
      look: () => this.holderOf(name),
      decide: (existingId, admission) => {
        if (existingId !== undefined) throw nameIsTaken(name, existingId);
        const spec = admitOrg({ name, displayName, quota: patchedLimits({}, quota ?? {}) }, admission);
        return { decision: tenantCreation(spec), after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (orgId) => this.heads.present('Org', orgId),
    });
  }

  patch(id: string, body: PatchOrg, dryRun: boolean, context: RequestContext): Promise<Changed<OrgEntries>> {
    requireQuotaScope(context.caller, body.quota);
    const { name, displayName, quota } = body;
    // Whether a name is taken tells of other orgs, and one that is taken keeps others from it.
    if (name !== undefined) requirePlatform(context.caller, 'to name an org');
    return this.changes.change<OrgSpec, OrgEntries & { readonly holder?: string | undefined }>({
      context,
      object: { kind: 'Org', id },
      body,
      dryRun,
      read: async (orgId) => ({ ...(await this.heads.present('Org', orgId)), holder: name === undefined ? undefined : await this.holderOf(name) }),
      act: ({ spec, holder }, admission) => {
        if (name !== undefined && holder !== undefined && holder !== id) throw nameIsTaken(name, holder);
        if (name === defaultOrg && id !== defaultOrg) throw nameIsTaken(name, defaultOrg);
        if (id === defaultOrg && name !== undefined && name !== defaultOrg) throw staysDefault('keeps its name');
        const changes = { ...(name !== undefined && { name }), ...(displayName !== undefined && { displayName }) };
        return changeTenant({ ...changes, ...(quota !== undefined && { quota: patchedLimits(spec.value.quota, quota) }) }, spec.value, admission);
      },
      decision: ({ spec }, changed) => tenantDecision(spec, changed, 'updated'),
    });
  }

  /** Lets nobody of it in, and nothing new into it. */
  suspend(id: string, context: RequestContext): Promise<Admitted<OrgEntries>> {
    return this.act(id, { suspended: true }, 'suspended', context);
  }

  /** Takes back its suspension, or a removal that did not come to its end. */
  resume(id: string, context: RequestContext): Promise<Admitted<OrgEntries>> {
    return this.act(id, { suspended: false, closing: false }, 'resumed', context);
  }

  async remove(id: string, context: RequestContext): Promise<Admitted<OrgEntries>> {
    requirePlatform(context.caller, 'to delete orgs');
    if (id === defaultOrg) throw staysDefault('is always there, and cannot be deleted');
    return (await this.removal.remove('Org', id, context)) as Admitted<OrgEntries>;
  }

  private act(id: string, changes: Partial<OrgSpec>, what: 'suspended' | 'resumed', context: RequestContext): Promise<Admitted<OrgEntries>> {
    return this.admission.admit<OrgEntries, OrgEntries>({
      context,
      object: { kind: 'Org', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: () => this.heads.present('Org', id),
      decide: (seen, admission) => {
        requireMatch(context, seen.spec);
        const spec = admittedBy(changeTenant(changes, seen.spec.value, admission));
        return spec && { decision: tenantDecision(seen.spec, spec, what), after: (revision) => ({ id, spec: { value: spec, revision } }) };
      },
      read: (orgId) => this.heads.present('Org', orgId),
    });
  }

  private async holderOf(name: string): Promise<string | undefined> {
    // Whoever runs Berth is called so, and a tenant of that name would be taken for him.
    return name === platformOrg ? platformOrg : this.heads.holderOf(keys.orgName(name));
  }
}

function nameIsTaken(name: string, existingId: string): ApiProblem {
  return new ApiProblem('org_exists', `an org named ${name} exists already`, { members: { existingId } });
}

function staysDefault(why: string): ApiProblem {
  return new ApiProblem('invalid_transition', `the org ${defaultOrg} ${why}`);
}
