import type { Refusal } from './admission';
import { refuse } from './admission';
import type { Owner } from './header';
import { defaultOrg, defaultProject, platformOrg } from './header';
import type { OrgSpec, ProjectSpec } from './tenancy';

/** The heads of an owner, where it has them: some orgs and projects are there without. */
export interface OwnerHeads {
  readonly org: OrgSpec | undefined;
  readonly project: ProjectSpec | undefined;
}

/** A project is known by its id alone, so another org's project of that id is no project here. */
export function headsOf(owner: Owner, { org, project }: OwnerHeads): OwnerHeads {
  return { org, project: project?.org === owner.org ? project : undefined };
}

/** Why nothing new may come to belong to an owner. What belongs to it already is not asked. */
export function refusalOfNew(owner: Owner, found: OwnerHeads): Refusal | undefined {
  const { org, project } = headsOf(owner, found);
  if (!org && !isThereWithoutHead(owner.org)) return refuse('org_not_found', `there is no org ${owner.org}`).refusal;
  if (org?.suspended) return refuse('org_suspended', `org ${owner.org} is suspended; nothing new is admitted into it`, { org: owner.org }).refusal;
  if (org?.closing) return refuse('org_closing', `org ${owner.org} is being deleted; nothing new is admitted into it`, { org: owner.org }).refusal;
  if (!project && owner.project !== defaultProject) return refuse('project_not_found', `there is no project ${owner.project} in org ${owner.org}`).refusal;
  if (project?.closing) {
    const message = `project ${owner.project} of org ${owner.org} is being deleted; nothing new is admitted into it`;
    return refuse('org_closing', message, { org: owner.org, project: owner.project }).refusal;
  }
  return undefined;
}

/** The first org was there before orgs had heads; the platform is none, and never has one. */
export function isThereWithoutHead(org: string): boolean {
  return org === defaultOrg || org === platformOrg;
}
