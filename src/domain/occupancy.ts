import type { Kind, Owner } from './header';

/** Something that lives in an org, and so keeps it from being deleted. */
export interface Occupant extends Owner {
  readonly kind: Kind;
  readonly id: string;
  /** Projects that a principal is confined to: none of them may go before it. */
  readonly confinedTo?: readonly string[] | undefined;
}

/** What is in the way: how many there are of each kind, and a few of them by their ids. */
export interface Occupancy {
  readonly counts: Readonly<Partial<Record<Kind, number>>>;
  readonly objects: ReadonlyArray<{ readonly kind: Kind; readonly id: string }>;
}

/** What of all that lives is in an org or a project, at most so many of it by id; undefined when nothing is. */
export function occupancyOf(tenant: { readonly kind: 'Org' | 'Project'; readonly id: string; readonly org: string }, living: Iterable<Occupant>, namedMax: number): Occupancy | undefined {
  const counts: Partial<Record<Kind, number>> = {};
  const objects: Array<{ kind: Kind; id: string }> = [];
  for (const { kind, id, org, project, confinedTo } of living) {
    if (org !== tenant.org || (kind === tenant.kind && id === tenant.id)) continue;
    if (tenant.kind === 'Project' && project !== tenant.id && !confinedTo?.includes(tenant.id)) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (objects.length < namedMax) objects.push({ kind, id });
  }
  return objects.length === 0 ? undefined : { counts, objects };
}
