import type { Rejection } from './caller';
import type { Caller } from './principal';

/**
 * Why what a credential opened must end, by what it would let in now; undefined while it lets in as much as it did. What
 * was given beside it ends nothing: it counts from the next request on.
 */
export function reasonToEnd(opened: Caller, present: Caller | Rejection): Rejection | 'narrowed' | undefined {
  if (typeof present === 'string') return present;
  const hasLess = [...opened.scopes].some((scope) => !present.scopes.has(scope)) || opened.org !== present.org;
  const projects = present.projects;
  const isConfined = projects !== undefined && (opened.projects === undefined || opened.projects.some((project) => !projects.includes(project)));
  return hasLess || isConfined ? 'narrowed' : undefined;
}
