import fc from 'fast-check';
import { parseCpuMillicores, parseMebibytes } from '../../src/domain/quantity';

describe('cpu', () => {
  it.each([
    ['0', 0],
    ['2', 2000],
    ['0.2', 200],
    ['0.29', 290],
    ['0.57', 570],
    ['1.001', 1001],
    ['250m', 250],
    ['0m', 0],
  ])('%s is %d millicores', (text, millicores) => {
    expect(parseCpuMillicores(text)).toBe(millicores);
  });

  it.each(['', '-1', '.5', '1.', '0.0001', '1e-3', 'Infinity', 'NaN', '1,5', '0x10', '200M', '1.5m', ' 1', '9999999999'])(
    '%j is no amount of cpu',
    (text) => {
      expect(parseCpuMillicores(text)).toBeUndefined();
    },
  );

  it('is the same in cores as in millicores', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_024_000 }), (millicores) => {
        expect(parseCpuMillicores(String(millicores / 1000))).toBe(millicores);
        expect(parseCpuMillicores(`${millicores}m`)).toBe(millicores);
      }),
    );
  });
});

describe('memory and storage', () => {
  it.each([
    ['0Mi', 0],
    ['64Mi', 64],
    ['1Gi', 1024],
    ['1.5Gi', 1536],
    ['2Ti', 2_097_152],
    ['1Ki', 1],
    ['1024Ki', 1],
    ['1025Ki', 2],
    ['100M', 96],
    ['1G', 954],
    ['1k', 1],
  ])('%s is %d mebibytes', (text, mebibytes) => {
    expect(parseMebibytes(text)).toBe(mebibytes);
  });

  it.each(['', '64', '64MB', '64mi', '64 Mi', '-1Mi', '1.2345Mi', '.5Gi', '1e3Mi', '64K', '1Pi'])(
    '%j is no amount',
    (text) => {
      expect(parseMebibytes(text)).toBeUndefined();
    },
  );

  it('is never less than what was asked for, and less than a mebibyte more', () => {
    const units = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, k: 1e3, M: 1e6, G: 1e9 };
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000 }), fc.constantFrom(...Object.entries(units)), (amount, [unit, unitBytes]) => {
        const surplusBytes = parseMebibytes(`${amount}${unit}`)! * 2 ** 20 - amount * unitBytes;
        expect(surplusBytes).toBeGreaterThanOrEqual(0);
        expect(surplusBytes).toBeLessThan(2 ** 20);
      }),
    );
  });
});
