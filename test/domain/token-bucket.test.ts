import fc from 'fast-check';
import { formatRate, parseRate, shareOf, TokenBuckets } from '../../src/domain/token-bucket';

const rate = fc.record({ perSecond: fc.integer({ min: 1, max: 1_000 }), burst: fc.integer({ min: 1, max: 500 }) });
const pauses = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 200 });

/** Asks at each of some times, given as the pauses between them. */
function ask(buckets: TokenBuckets, key: string, pausesMs: readonly number[]) {
  let nowMs = 0;
  return pausesMs.map((pauseMs) => {
    nowMs += pauseMs;
    return { nowMs, ...buckets.take(key, nowMs) };
  });
}

test('within any time no more is allowed than the burst and what that time brings', () => {
  fc.assert(
    fc.property(rate, pauses, (of, pausesMs) => {
      const allowed = ask(new TokenBuckets(10, of), 'a', pausesMs).filter((taken) => taken.allowed);
      const excesses = allowed.flatMap((first, from) =>
        allowed.slice(from).map((last, further) => further + 1 - of.burst - ((last.nowMs - first.nowMs) * of.perSecond) / 1000),
      );
      expect(Math.max(0, ...excesses)).toBeLessThanOrEqual(1e-6);
    }),
  );
});

test('who waits as long as he is told is let through, and who asks earlier is not', () => {
  fc.assert(
    fc.property(rate, pauses, (of, pausesMs) => {
      const buckets = new TokenBuckets(10, of);
      const last = ask(buckets, 'a', [...pausesMs, ...new Array<number>(of.burst).fill(0)]).at(-1)!;
      const refused = last.allowed ? { ...buckets.take('a', last.nowMs), nowMs: last.nowMs } : last;
      fc.pre(!refused.allowed);
      if (refused.retryAfterMs > 2) expect(buckets.take('a', refused.nowMs + refused.retryAfterMs - 2).allowed).toBe(false);
      expect(buckets.take('a', refused.nowMs + refused.retryAfterMs).allowed).toBe(true);
    }),
  );
});

test('what remains can be taken at once, and nothing more', () => {
  fc.assert(
    fc.property(rate, pauses, (of, pausesMs) => {
      const buckets = new TokenBuckets(10, of);
      const last = ask(buckets, 'a', pausesMs).at(-1)!;
      const more = ask(buckets, 'a', new Array<number>(last.remaining + 1).fill(0)).map(({ allowed }) => allowed);
      // The clock of `ask` begins anew; one that is behind brings nothing.
      expect(more).toEqual([...new Array<boolean>(last.remaining).fill(true), false]);
    }),
  );
});

test('a bound on the number of buckets changes no decision as long as those forgotten are full', () => {
  const uses = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), pauseMs: fc.integer({ min: 0, max: 400 }) }), { maxLength: 300 });
  fc.assert(
    fc.property(rate, uses, (of, used) => {
      const bounded = new TokenBuckets(5, of);
      const unbounded = new TokenBuckets(Infinity, of);
      let nowMs = 0;
      for (const { key, pauseMs } of used) {
        nowMs += pauseMs;
        expect(bounded.take(key, nowMs)).toEqual(unbounded.take(key, nowMs));
      }
    }),
  );
});

test('a crowd of made-up keys fills no memory, and gets together what one of them would', () => {
  const of = { perSecond: 1, burst: 3 };
  const buckets = new TokenBuckets(100, of);
  for (let key = 0; key < 100; key++) buckets.take(`known-${key}`, 0);
  const allowed = Array.from({ length: 10_000 }, (_, key) => buckets.take(`made-up-${key}`, 1).allowed);
  expect(buckets.size).toBe(100);
  expect(allowed.filter(Boolean)).toHaveLength(3);
  expect(buckets.take('known-1', 1).allowed).toBe(true);
  // What has filled up meanwhile makes room.
  buckets.take('new', 10_000);
  expect(buckets.size).toBe(1);
});

test('the shares of all servers come to the whole, give or take one each', () => {
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 50 }), (of, servers) => {
      const share = shareOf(of, servers);
      expect(share.perSecond * servers).toBeCloseTo(of.perSecond);
      expect(share.burst).toBeGreaterThanOrEqual(1);
      expect(Math.abs(share.burst * servers - of.burst)).toBeLessThanOrEqual(servers);
    }),
  );
  expect(shareOf({ perSecond: 10, burst: 20 }, 0)).toEqual({ perSecond: 10, burst: 20 });
});

test('a rate is read as it is written', () => {
  expect(parseRate('100/200')).toEqual({ perSecond: 100, burst: 200 });
  expect(formatRate({ perSecond: 100, burst: 200 })).toBe('100/200');
  for (const wrong of ['', '100', '0/1', '1/0', '1/-1', '1.5/2', '100/200/300', 'a/b', '1/99999999']) expect(parseRate(wrong)).toBeUndefined();
});
