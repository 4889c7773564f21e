import fc from 'fast-check';
import { formatDurationMs, parseDurationMs } from '../../src/domain/duration';

it.each([
  ['0s', 0],
  ['100ms', 100],
  ['10s', 10_000],
  ['5m', 300_000],
  ['4h', 14_400_000],
  ['2d', 172_800_000],
  ['1h30m', 5_400_000],
  ['1d2h3m4s5ms', 93_784_005],
  ['90m', 5_400_000],
])('%s is %d ms', (text, durationMs) => {
  expect(parseDurationMs(text)).toBe(durationMs);
});

it.each(['', '10', 's', '1.5h', '-1s', '5s1m', '1h 30m', '1H', '1m1m', ' 1s', '1s\n', '1e3s', '9999999999s', 'PT1H'])(
  '%j is no duration',
  (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  },
);

it('is undefined rather than inexact', () => {
  expect(parseDurationMs('999999999d')).toBeUndefined();
});

it('what is written is read as the same', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (durationMs) => {
      expect(parseDurationMs(formatDurationMs(durationMs))).toBe(durationMs);
    }),
  );
});
