import { Inject, Injectable } from '@nestjs/common';
import type { Target } from '../../domain/authorization';
import { isVisible } from '../../domain/authorization';
import type { Header, Kind, Owner } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { Caller } from '../../domain/principal';
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
    if (cached !== undefined && isVisible(caller, { ...cached, kind })) return targetOf(kind, cached);
    const stored = (await this.dependencies.etcd.get(keys.spec(kind, id)))?.value as Header | undefined;
    if (stored !== undefined && isVisible(caller, { ...stored, kind })) return targetOf(kind, stored);
    const retired = isRetiring(kind) ? (await this.dependencies.retired.get(kind, id))?.spec : await this.recorded(kind, id);
    const found = stored ?? retired ?? cached;
    return found && targetOf(kind, found);
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

function targetOf(kind: Kind, { org, project }: Pick<Header, 'org' | 'project'>): Target {
  return { kind, org, project };
}

function isRetiring(kind: Kind): kind is RetiringKind {
  return kind === 'Instance' || kind === 'Worker' || kind === 'Definition';
}
