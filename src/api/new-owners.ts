import { Inject, Injectable } from '@nestjs/common';
import { ownerFor } from '../domain/authorization';
import type { Header, Kind, Owner } from '../domain/header';
import { defaultOrg, defaultProject, platformOrg } from '../domain/header';
import { kinds } from '../domain/kinds';
import type { AskedOwner } from '../domain/ownership';
import type { Caller } from '../domain/principal';
import { ObjectNotFoundError } from '../stores/etcd/errors';
import { keys } from '../stores/etcd/keys';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';

/** Finds to whom what a request creates shall belong. */
@Injectable()
export class NewOwners {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /**
   * The owner that a request names, or the caller's own. Throws `org_not_found` and `project_not_found`, in the same words and
   * as fast for what is another's as for what is not there.
   */
  async ofNew(caller: Caller, named: AskedOwner): Promise<Owner> {
    const org = named.org ?? ownerFor(caller).org;
    if (!(await this.isOrg(org, caller))) throw missing('Org', org);
    const project = named.project ?? caller.projects?.[0] ?? defaultProject;
    if (!(await this.isProject(project, org, caller))) throw missing('Project', project);
    return { org, project };
  }

  /** As above, of what serves everybody when those who run Berth create it and name no org. */
  async ofNewHost(caller: Caller, named: AskedOwner): Promise<Owner> {
    const org = named.org ?? caller.org;
    if (caller.org === platformOrg && org === platformOrg) return { org, project: defaultProject };
    return this.ofNew(caller, { ...named, org });
  }

  private async isOrg(org: string, caller: Caller): Promise<boolean> {
    if (caller.org !== platformOrg) return org === caller.org;
    return org === defaultOrg || this.isThere('Org', org, () => true);
  }

  private async isProject(project: string, org: string, caller: Caller): Promise<boolean> {
    if (caller.projects !== undefined && !caller.projects.includes(project)) return false;
    return project === defaultProject || this.isThere('Project', project, ({ org: itsOrg }) => itsOrg === org);
  }

  /** The cache only ever says yes: what is another's is looked for as long as what is not there. */
  private async isThere(kind: Kind, id: string, isMeant: (head: Header) => boolean): Promise<boolean> {
    const { cache, etcd } = this.dependencies;
    const key = keys.spec(kind, id);
    const cached = cache.get(key);
    if (cached !== undefined && isMeant(cached.value as Header)) return true;
    const stored = await etcd.get(key);
    return stored !== undefined && isMeant(stored.value as Header);
  }
}

function missing(kind: Kind, id: string): ObjectNotFoundError {
  return new ObjectNotFoundError(kinds[kind].name, id);
}
