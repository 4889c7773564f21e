import { Inject, Injectable } from '@nestjs/common';
import { isVisible } from '../../domain/authorization';
import type { Header } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { Caller, PrincipalSpec, TokenSpec } from '../../domain/principal';
import { externalKey } from '../../stores/etcd/access-decisions';
import type { Entry } from '../../stores/etcd/client';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ObjectHistory } from '../history/object-history';

/** An object that is a head and nothing else. */
export interface HeadEntries<Spec extends Header> {
  readonly id: string;
  readonly spec: Entry<Spec>;
}

/** What of a principal is somebody else's already. */
export type Taken = 'name' | 'external' | undefined;

interface Heads {
  readonly Principal: PrincipalSpec;
  readonly Token: TokenSpec;
}

/** Finds principals and tokens. */
@Injectable()
export class AccessHeads {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(ObjectHistory) private readonly history: ObjectHistory,
  ) {}

  /** As the cache has it, if it does; else as it is now. Throws ObjectNotFoundError. */
  async known<K extends keyof Heads>(kind: K, id: string): Promise<HeadEntries<Heads[K]>> {
    const cached = this.dependencies.cache.get(keys.spec(kind, id)) as Entry<Heads[K]> | undefined;
    return cached ? { id, spec: cached } : this.present(kind, id);
  }

  /** As it is now. Throws ObjectNotFoundError. */
  async present<K extends keyof Heads>(kind: K, id: string): Promise<HeadEntries<Heads[K]>> {
    const spec = (await this.dependencies.etcd.get(keys.spec(kind, id))) as Entry<Heads[K]> | undefined;
    if (spec === undefined) throw new ObjectNotFoundError(kinds[kind].name, id);
    return { id, spec };
  }

  /** As it is now, or, once it has left the store, as the record tells that it was last: for who repeats a request. */
  async presentOrPast<K extends keyof Heads>(kind: K, id: string): Promise<HeadEntries<Heads[K]>> {
    try {
      return await this.present(kind, id);
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      const { after } = await this.history.at({ kind, id }, {});
      return { id, spec: { value: after.spec as Heads[K], revision: Number(after.revision) } };
    }
  }

  /** Whether somebody is called so already, in that org or at the issuer. `former`: who it was so far, who may stay so. */
  async taken(org: string, { name, external }: Pick<Partial<PrincipalSpec>, 'name' | 'external'>, former?: PrincipalSpec): Promise<Taken> {
    const own = former === undefined ? [] : [keys.principalName(org, former.name), ...(former.external ? [externalKey(former.external)] : [])];
    const isTaken = async (key: string) => !own.includes(key) && (await this.dependencies.etcd.get(key)) !== undefined;
    if (name !== undefined && (await isTaken(keys.principalName(org, name)))) return 'name';
    return external && (await isTaken(externalKey(external))) ? 'external' : undefined;
  }

  /** The token, if it is any business of the caller's; else it is not there for him. */
  requireConcern(caller: Caller, entries: HeadEntries<TokenSpec>): HeadEntries<TokenSpec> {
    if (!this.concerns(caller, entries.spec.value)) throw new ObjectNotFoundError('token', entries.id);
    return entries;
  }

  /** Everybody's own, and to whoever gives access those that he could give. */
  concerns(caller: Caller, token: TokenSpec): boolean {
    if (token.principal === caller.id) return true;
    const holder = this.dependencies.cache.get(keys.principalSpec(token.principal))?.value as PrincipalSpec | undefined;
    return caller.scopes.has('principals:write') && isVisible(caller, { ...token, projects: holder?.projects });
  }

  /** All that the cache has of a kind. */
  all<K extends keyof Heads>(kind: K): HeadEntries<Heads[K]>[] {
    const { cache } = this.dependencies;
    return cache.ids(kinds[kind].collection).flatMap((id) => {
      const spec = cache.get(keys.spec(kind, id)) as Entry<Heads[K]> | undefined;
      return spec ? [{ id, spec }] : [];
    });
  }
}
