import { refusalsDetailedMax, refusedAddressesMax, refusedPrincipalsMax } from '../../src/domain/limits';
import type { Refusal, RefusalCounts, RefusalRecord } from '../../src/domain/refusals';
import { RefusalTally } from '../../src/domain/refusals';

const nowMs = Date.parse('2026-01-01T10:00:30.000Z');
const minuteMs = 60_000;

function refusal(change: Partial<Refusal> = {}): Refusal {
  return { time: '2026-01-01T10:00:30.000Z', principal: 'user:ada', type: 'user', address: '::1', org: 'default', route: 'POST /x', requestId: 'r', code: 'forbidden', status: 403, ...change };
}

const stranger = (address: string): Refusal => {
  const { principal: _principal, ...rest } = refusal({ address, type: 'unknown', org: 'platform', code: 'unauthenticated', status: 401 });
  return rest;
};

function addMany(tally: RefusalTally, count: number, make: (index: number) => Refusal): RefusalRecord[] {
  return Array.from({ length: count }, (_, index) => tally.add(make(index), nowMs)).flat();
}

const countsOf = (records: readonly RefusalRecord[]) => records.filter((record): record is RefusalCounts => 'counts' in record);

it('the first refusals of a minute are told one by one, and the rest as counts by code when it ends', () => {
  const tally = new RefusalTally();
  const told = addMany(tally, 3 * refusalsDetailedMax, (index) => refusal({ code: index % 2 ? 'forbidden' : 'conflict' }));
  expect(told).toHaveLength(refusalsDetailedMax);
  expect(tally.due(nowMs + 1_000)).toEqual([]);
  expect(tally.due(nowMs + minuteMs)).toEqual([
    { time: '2026-01-01T10:00:59.999Z', principal: 'user:ada', type: 'user', org: 'default', counts: { conflict: refusalsDetailedMax, forbidden: refusalsDetailedMax } },
  ]);
  expect(tally.due(nowMs + 2 * minuteMs)).toEqual([]);
});

it('a new minute begins with details again, and the first refusal in it brings the counts of the one before', () => {
  const tally = new RefusalTally();
  addMany(tally, refusalsDetailedMax + 1, () => refusal());
  const later = refusal({ time: '2026-01-01T10:01:30.000Z' });
  expect(tally.add(later, nowMs + minuteMs)).toEqual([expect.objectContaining({ counts: { forbidden: 1 } }), later]);
});

it('a crowd of addresses is counted together, and hides no principal', () => {
  const tally = new RefusalTally();
  const told = addMany(tally, refusedAddressesMax + 1_000, (index) => stranger(`10.0.${index >> 8}.${index & 255}`));
  expect(told).toHaveLength(refusedAddressesMax);
  expect(tally.add(refusal(), nowMs)).toEqual([refusal()]);
  expect(tally.end(nowMs)).toEqual([expect.objectContaining({ principal: 'others', org: 'platform', counts: { unauthenticated: 1_000 } })]);
});

it('whatever is sent, one minute leaves a bounded number of records', () => {
  const tally = new RefusalTally();
  const told = addMany(tally, 100_000, (index) => (index % 2 ? stranger(`a-${index % 977}`) : refusal({ principal: `user:${index % 991}` })));
  const counts = countsOf(tally.end(nowMs));
  expect(told.length).toBeLessThanOrEqual((refusedPrincipalsMax + refusedAddressesMax) * refusalsDetailedMax);
  expect(counts.length).toBeLessThanOrEqual(refusedPrincipalsMax + refusedAddressesMax + 1);
  const counted = counts.flatMap((each) => Object.values(each.counts)).reduce((sum, count) => sum + count, 0);
  expect(told.length + counted).toBe(100_000);
});
