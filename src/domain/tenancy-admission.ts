import type { Act, AdmissionContext } from './admission';
import { changedHeader, newHeader } from './admission';
import { canonicalJson } from './canonical-json';
import { defaultProject } from './header';
import type { OrgSpec, ProjectSpec } from './tenancy';

/** What may be changed of an org or a project, and what a new one is made of. */
export const mutableTenantFields = ['name', 'displayName', 'quota'] as const;
export type MutableTenant = Pick<OrgSpec, (typeof mutableTenantFields)[number]>;

/** A new org. It belongs to itself: those who run it see it, and nobody else's do. */
export function admitOrg(wanted: MutableTenant, context: AdmissionContext): OrgSpec {
  const owner = { org: context.mintedId, project: defaultProject };
  return { ...newHeader('Org', {}, { ...context, owner }), ...wanted, kind: 'Org', suspended: false, closing: false };
}

/** A new project of the context's org. It belongs to itself, so that whoever is confined to it sees it. */
export function admitProject(wanted: MutableTenant, context: AdmissionContext): ProjectSpec {
  const owner = { org: context.owner.org, project: context.mintedId };
  return { ...newHeader('Project', {}, { ...context, owner }), ...wanted, kind: 'Project', closing: false };
}

/** Changes fields of an org or a project; those that are not there stay as they are. */
export function changeTenant<Spec extends OrgSpec | ProjectSpec>(changes: Partial<Spec>, spec: Spec, context: AdmissionContext): Act<Spec> {
  const changed = { ...spec, ...changes };
  if (canonicalJson(changed) === canonicalJson(spec)) return { kind: 'unchanged' };
  return { kind: 'admitted', spec: { ...changed, ...changedHeader(spec, undefined, context) } };
}
