import { canonicalJson } from './canonical-json';
import type { Constraints } from './definition';

/**
 * Names the pool of workers that satisfy these constraints: the same for the same constraints,
 * however they were written. Whoever waits for one pool waits in one queue.
 */
export function poolOf(constraints: Constraints): string {
  return canonicalJson(constraints);
}
