import { Inject, Injectable } from '@nestjs/common';
import type { AskedOwner } from '../../domain/ownership';
import { isOwnedBy, visibleOwners } from '../../domain/ownership';
import { kinds } from '../../domain/kinds';
import type { Caller } from '../../domain/principal';
import type { OrgSpec, ProjectSpec } from '../../domain/tenancy';
import type { Entry } from '../../stores/etcd/client';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

/** The two kinds of object that others belong to. */
export interface TenantKinds {
  readonly Org: OrgSpec;
  readonly Project: ProjectSpec;
}
export type TenantKind = keyof TenantKinds;

/** An org or a project as it was read. */
export interface TenantEntries<Spec extends OrgSpec | ProjectSpec = OrgSpec | ProjectSpec> {
  readonly id: string;
  readonly spec: Entry<Spec>;
}

/** Finds orgs and projects. */
@Injectable()
export class TenantHeads {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** As the cache has it, or else the store. Throws ObjectNotFoundError. */
  async known<Kind extends TenantKind>(kind: Kind, id: string): Promise<TenantEntries<TenantKinds[Kind]>> {
    const spec = this.dependencies.cache.get(keys.spec(kind, id));
    return spec ? { id, spec: spec as Entry<TenantKinds[Kind]> } : this.present(kind, id);
  }

  /** As it is in the store now. Throws ObjectNotFoundError. */
  async present<Kind extends TenantKind>(kind: Kind, id: string): Promise<TenantEntries<TenantKinds[Kind]>> {
    const spec = await this.dependencies.etcd.get(keys.spec(kind, id));
    if (!spec) throw new ObjectNotFoundError(kinds[kind].name, id);
    return { id, spec: spec as Entry<TenantKinds[Kind]> };
  }

  /** Those that a caller may know of. */
  visible<Kind extends TenantKind>(kind: Kind, caller: Caller, asked: AskedOwner): Array<TenantEntries<TenantKinds[Kind]>> {
    const { cache } = this.dependencies;
    const owners = visibleOwners(caller, kind, asked);
    return cache.ids(kinds[kind].collection).flatMap((id) => {
      const spec = cache.get(keys.spec(kind, id)) as Entry<TenantKinds[Kind]> | undefined;
      return spec && isOwnedBy(owners, spec.value) ? [{ id, spec }] : [];
    });
  }

  /** Whose a name is by now: the id, as its claim says. */
  async holderOf(claim: string): Promise<string | undefined> {
    const entry = await this.dependencies.etcd.get(claim);
    return (entry?.value as { readonly id: string } | undefined)?.id;
  }
}
