import type { Cause } from './events';

/** The kinds of object that have a head in etcd. */
export type Kind = 'Instance' | 'Worker' | 'Definition' | 'WorkerTemplate' | 'Org' | 'Project' | 'Principal' | 'Token';

/** The org that is there from the beginning, and its project: for whoever needs no others. */
export const defaultOrg = 'default';
export const defaultProject = 'default';

/** Owns what serves all orgs: shared workers and their templates, the orgs themselves, and those who run Berth. It is none itself. */
export const platformOrg = 'platform';

/** To whom an object belongs. */
export interface Owner {
  /** Id of an org, or `platform`. */
  readonly org: string;
  /** Id of a project, or `default`. */
  readonly project: string;
}

/**
 * What every object carries, in the value of its spec key.
 * `resourceVersion` and the ETag are not stored: they are revisions that etcd gives.
 */
export interface Header {
  /** Version of the stored value's shape; nobody overwrites a value newer than it understands. */
  readonly schemaVersion: number;
  /** Minted, never derived from input, never used twice. */
  readonly id: string;
  readonly org: string;
  readonly project: string;
  readonly kind: Kind;
  /** Rises by one with each change of the spec. */
  readonly generation: number;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly deletionRequestedAt?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** While true no new step begins, except towards terminate. */
  readonly paused: boolean;
  /** Who asked for this generation, and through which request; what follows from it carries the same correlation. */
  readonly cause: Cause;
  /** Number of the last event of this object when this key was put; see `nextSequence`. */
  readonly sequence: number;
}

/** The counters of an object's two written keys: what is wanted and what is. */
export interface Sequenced {
  readonly sequence: number;
}

/**
 * The next number of an object's gapless event sequence. Spec and status are written by different
 * writers; both compare both keys, so the higher of the two counters is always the last one given.
 */
export function nextSequence(...counters: ReadonlyArray<Sequenced | undefined>): number {
  return Math.max(0, ...counters.map((counter) => counter?.sequence ?? 0)) + 1;
}
