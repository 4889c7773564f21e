/** How often something may be done: so many at once, and so many a second from then on. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** What came of asking for a token. */
export interface Taken {
  readonly allowed: boolean;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** When there is a token again; 0 where one was to be had. */
  readonly retryAfterMs: number;
  /** When all tokens are there again. */
  readonly fullInMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** What sums of fractions may miss a whole token by. */
const tolerance = 1e-9;

/**
 * Token buckets of one rate by key, of which there are never more than so many. A bucket that is full says as much as none, so that
 * it is forgotten first, and nobody gains by it. Where none of too many is full, newcomers share one among them: a
 * crowd of keys that somebody makes up neither fills the memory nor gets more than one key would.
 */
export class TokenBuckets {
  /** In the order of their last use. */
  private readonly buckets = new Map<string, Bucket>();
  private shared: Bucket | undefined;

  constructor(
    private readonly bucketsMax: number,
    /** May change; all buckets have the one that is. Those of another rate fill in another time, and belong elsewhere. */
    public rate: Rate,
  ) {}

  get size(): number {
    return this.buckets.size;
  }

  /** Takes a token where there is one. `nowMs` is by a clock that is never set back. */
  take(key: string, nowMs: number): Taken {
    const { rate } = this;
    const bucket = this.bucketOf(key, nowMs);
    bucket.tokens = Math.min(rate.burst, bucket.tokens + (Math.max(0, nowMs - bucket.atMs) * rate.perSecond) / 1000);
    bucket.atMs = Math.max(bucket.atMs, nowMs);
    const allowed = bucket.tokens >= 1 - tolerance;
    if (allowed) bucket.tokens = Math.max(0, bucket.tokens - 1);
    return {
      allowed,
      remaining: Math.floor(bucket.tokens + tolerance),
      retryAfterMs: allowed ? 0 : msFor(1 - bucket.tokens, rate),
      fullInMs: msFor(rate.burst - bucket.tokens, rate),
    };
  }

  private bucketOf(key: string, nowMs: number): Bucket {
    const { burst } = this.rate;
    const known = this.buckets.get(key);
    this.buckets.delete(key);
    if (known === undefined) this.forgetFull(nowMs);
    if (known === undefined && this.buckets.size >= this.bucketsMax) return (this.shared ??= { tokens: burst, atMs: nowMs });
    const bucket = known ?? { tokens: burst, atMs: nowMs };
    this.buckets.set(key, bucket);
    return bucket;
  }

  /** From the one that was not used for longest: what was not used for so long as an empty bucket takes to fill is full. */
  private forgetFull(nowMs: number): void {
    const fillMs = msFor(this.rate.burst, this.rate);
    for (const [key, { atMs }] of this.buckets) {
      if (nowMs - atMs < fillMs) return;
      this.buckets.delete(key);
    }
  }
}

/** What one of several servers allows of a rate that is meant for all of them together: at least one at a time, and now and then. */
export function shareOf({ perSecond, burst }: Rate, servers: number): Rate {
  const count = Math.max(1, servers);
  return { perSecond: perSecond / count, burst: Math.max(1, Math.floor(burst / count)) };
}

/** A rate as it is written in settings: `100/200` is 100 a second, and 200 at once. Undefined where it is not written so. */
export function parseRate(text: string): Rate | undefined {
  const [, perSecond, burst] = /^(\d{1,7})\/(\d{1,7})$/.exec(text) ?? [];
  const rate = { perSecond: Number(perSecond), burst: Number(burst) };
  return rate.perSecond >= 1 && rate.burst >= 1 ? rate : undefined;
}

export function formatRate({ perSecond, burst }: Rate): string {
  return `${perSecond}/${burst}`;
}

function msFor(tokens: number, { perSecond }: Rate): number {
  return Math.ceil((Math.max(0, tokens) * 1000) / perSecond - tolerance);
}
