import type { ScopedEventFilter } from '../../domain/event-filter';
import type { Kind } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import { narrowed, ownOwners } from '../../domain/ownership';
import type { Caller } from '../../domain/principal';
import type { EventsQuery } from './schemas';

const allKinds = Object.keys(kinds) as Kind[];

/** Who has which access is told to those who may look it up: events do not say to which projects it is confined. */
const keptBack: readonly Kind[] = ['Principal', 'Token'];

/** Which events a caller is told, of those that are asked for. Of shared workers only those hear who run them. */
export function filterFor(caller: Caller, { kind, subject, worker, type, label, org, project }: EventsQuery): ScopedEventFilter {
  const owners = narrowed(ownOwners(caller), { org, project });
  return { owners, kind: kindsFor(caller, kind), subject, worker, type, label };
}

function kindsFor(caller: Caller, asked: readonly Kind[] | undefined): readonly Kind[] | undefined {
  if (caller.scopes.has('principals:read') && caller.projects === undefined) return asked;
  return (asked ?? allKinds).filter((kind) => !keptBack.includes(kind));
}
