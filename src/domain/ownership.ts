import { isVisible } from './authorization';
import type { Kind, Owner } from './header';
import { defaultProject, platformOrg } from './header';
import type { Caller } from './principal';

/** Whose something may be: where a part is absent, of all of them. */
export interface OwnedBy {
  readonly org?: string;
  readonly projects?: readonly string[];
}

/** Whose things somebody is shown; undefined: everybody's. The same for what is in memory, what is archived and what happens. */
export type Owners = readonly OwnedBy[] | undefined;

/** What a list is narrowed to by whoever asks for it. */
export interface AskedOwner {
  readonly org?: string | undefined;
  readonly project?: string | undefined;
}

/** Whether something is of one of these owners. */
export function isOwnedBy(owners: Owners, { org, project }: Owner): boolean {
  return owners === undefined || owners.some((owner) => (owner.org ?? org) === org && (owner.projects?.includes(project) ?? true));
}

/** Whose objects of a kind a caller is shown in a list: as `isVisible` says, said as a filter, and narrowed to what is asked for. */
export function visibleOwners(caller: Caller, kind: Kind, asked: AskedOwner = {}): Owners {
  const own = kind === 'Org' ? ownOwners({ org: caller.org }) : ownOwners(caller);
  const sharesPlatforms = own !== undefined && isVisible(caller, { kind, org: platformOrg, project: defaultProject });
  return narrowed(sharesPlatforms ? [...own, { org: platformOrg }] : own, asked);
}

/** Of whose objects a caller hears: as `reaches` says. What becomes of what is shared is for those who run it. */
export function ownOwners({ org, projects }: Pick<Caller, 'org' | 'projects'>): Owners {
  return org === platformOrg ? undefined : [{ org, ...(projects && { projects }) }];
}

/** The part of these owners that is asked for. */
export function narrowed(owners: Owners, { org, project }: AskedOwner): Owners {
  if (org === undefined && project === undefined) return owners;
  return (owners ?? [{}])
    .filter((owner) => (org === undefined || (owner.org ?? org) === org) && (project === undefined || (owner.projects?.includes(project) ?? true)))
    .map((owner) => ({ ...owner, ...(org !== undefined && { org }), ...(project !== undefined && { projects: [project] }) }));
}
