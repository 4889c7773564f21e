import { Inject, Injectable } from '@nestjs/common';
import type { Target } from '../../domain/authorization';
import { isVisible } from '../../domain/authorization';
import type { Header, Kind, Owner } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { Caller, PrincipalSpec, TokenSpec } from '../../domain/principal';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import type { RetiringKind } from '../../stores/mongo/retired-objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ObjectEvents } from '../history/object-events';

/** Finds whose an object is. That never changes, so what is remembered of it is as good as what is there. */
@Injectable()
export class ObjectOwners {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /**
   * Undefined when there is no such object. What the caller may not know of is looked for as long as what is not there:
   * a quick refusal would tell that there is something.
   */
  async ownerOf(kind: Kind, id: string, caller: Caller): Promise<Target | undefined> {
    const cached = this.dependencies.cache.get(keys.spec(kind, id))?.value as Header | undefined;
    const known = cached && (await this.targetOf(kind, cached, caller));
    if (known !== undefined && isVisible(caller, known)) return known;
    const stored = (await this.dependencies.etcd.get(keys.spec(kind, id)))?.value as Header | undefined;
    const present = stored && (await this.targetOf(kind, stored, caller));
    if (present !== undefined && isVisible(caller, present)) return present;
    const retired = isRetiring(kind) ? (await this.dependencies.retired.get(kind, id))?.spec : await this.recorded(kind, id);
    const found = retired && (await this.targetOf(kind, retired, caller));
    return present ?? found ?? known;
  }

  /** To whoever is confined to projects it matters what a principal is confined to, and whose a token is. */
  private async targetOf(kind: Kind, header: Owner, caller: Caller): Promise<Target> {
    const { org, project } = header;
    if (caller.projects === undefined || (kind !== 'Principal' && kind !== 'Token')) return { kind, org, project };
    const { principal } = header as Partial<TokenSpec>;
    const holder = kind === 'Principal' ? (header as Partial<PrincipalSpec>) : principal === undefined ? undefined : await this.principal(principal);
    return { kind, org, project, projects: holder?.projects };
  }

  private async principal(id: string): Promise<PrincipalSpec | undefined> {
    const key = keys.principalSpec(id);
    return (this.dependencies.cache.get(key) ?? (await this.dependencies.etcd.get(key)))?.value as PrincipalSpec | undefined;
  }

  /** What left without a document of its own is known by its events: whoever repeats a request hears what the first one did. */
  private async recorded(kind: Kind, id: string): Promise<Owner | undefined> {
    const { events } = await new ObjectEvents(this.dependencies).after(id, 0, 1);
    return events.find((event) => event.kind === kind);
  }

  /** What is said of an object that is not there. */
  missing(kind: Kind, id: string): ObjectNotFoundError {
    return new ObjectNotFoundError(kinds[kind].name, id);
  }
}

function isRetiring(kind: Kind): kind is RetiringKind {
  return kind === 'Instance' || kind === 'Worker' || kind === 'Definition';
}
