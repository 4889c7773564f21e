import { randomBytes } from 'node:crypto';

/** Time and fresh ids, handed in so that tests can choose them. */
export interface Clock {
  nowMs(): number;
  /** A new id with a readable prefix, e.g. `op-1f0c…`. */
  mintId(prefix: string): string;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  mintId: (prefix) => `${prefix}-${randomBytes(8).toString('hex')}`,
};
