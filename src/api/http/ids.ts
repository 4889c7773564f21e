import { randomFillSync } from 'node:crypto';

/** Nine digits of base 36 hold milliseconds until the year 5188, so that ids sort by time as text. */
const timeDigits = 9;

/**
 * Mints an id such as `i-mf3k2l9x04f9…`: never derived from input, never used twice, and sorting by the time of its
 * minting, so that lists in order of id are lists in order of age. Prefixes are those of instances, workers, definitions, templates,
 * orgs, projects (`r`), principals, tokens (`k`), and of what has no head.
 */
export function mintId(prefix: 'i' | 'w' | 'd' | 't' | 'o' | 'r' | 'p' | 'k' | 'command' | 'request' | 'key', nowMs = Date.now()): string {
  return `${prefix}-${nowMs.toString(36).padStart(timeDigits, '0')}${randomHex(8)}`;
}

/** Random, as a W3C trace context asks; never all zeros, which would be none. */
export function mintTraceId(): string {
  return nonZeroDigits(16);
}

/** The id of our part of a trace. */
export function mintSpanId(): string {
  return nonZeroDigits(8);
}

function nonZeroDigits(bytes: number): string {
  const digits = randomHex(bytes);
  return /^0+$/.test(digits) ? nonZeroDigits(bytes) : digits;
}

/** Random bytes that nobody has had: every request takes several few, and fetching each by itself costs more than all the rest of an id. */
const pool = Buffer.alloc(4_096);
let poolUsed = pool.length;

function randomHex(bytes: number): string {
  if (poolUsed + bytes > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += bytes;
  return pool.toString('hex', poolUsed - bytes, poolUsed);
}
