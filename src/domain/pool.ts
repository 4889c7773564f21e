import { canonicalJson } from './canonical-json';
import type { Constraints } from './definition';

/**
 * Names the pool of workers that satisfy these constraints of an org, which are its own and those of the platform: the same
 * for the same constraints, however they were written. Whoever waits for one pool waits in one queue.
 */
export function poolOf({ org, constraints }: { readonly org: string; readonly constraints: Constraints }): string {
  return canonicalJson({ org, constraints });
}
