import type { Header, Kind } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { Occupant } from '../../domain/occupancy';
import type { PrincipalSpec } from '../../domain/principal';
import type { CachedObjects, InstanceEntries, WorkerEntries } from './objects';
import { keys } from './keys';

/** Kinds that are over only when they have left etcd. */
const withoutEnd = ['WorkerTemplate', 'Project', 'Principal', 'Token'] as const satisfies readonly Kind[];

/**
 * Everything that lives, at the cache's revision. What has come to its end (TERMINATED, and holding nothing; DELETED) is history:
 * it stays for as long as history does, and retires by itself, whether its org is there or not.
 */
export function* livingObjects(cached: CachedObjects): Iterable<Occupant> {
  for (const entries of cached.instances()) if (!isOver(entries, entries.allocation)) yield occupant('Instance', entries.spec.value);
  for (const entries of cached.workers()) if (!isOver(entries, entries.capacity ?? entries.ports ?? entries.lease)) yield occupant('Worker', entries.spec.value);
  for (const { spec, status } of cached.definitions()) if (status.value.phase !== 'DELETED') yield occupant('Definition', spec.value);
  for (const kind of withoutEnd) {
    for (const id of cached.cache.ids(kinds[kind].collection)) {
      const spec = cached.cache.get(keys.spec(kind, id))?.value as Header | undefined;
      if (spec !== undefined) yield occupant(kind, spec);
    }
  }
}

/** An object whose ledger is not closed yet is at its end in name only. */
function isOver({ status }: Pick<InstanceEntries | WorkerEntries, 'status'>, held: unknown): boolean {
  return status.value.phase === 'TERMINATED' && held === undefined;
}

function occupant(kind: Kind, spec: Header): Occupant {
  const { id, org, project } = spec;
  return { kind, id, org, project, confinedTo: kind === 'Principal' ? (spec as PrincipalSpec).projects : undefined };
}
