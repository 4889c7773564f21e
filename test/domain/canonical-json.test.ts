import fc from 'fast-check';
import { canonicalJson } from '../../src/domain/canonical-json';

describe('canonicalJson', () => {
  test.each([
    [null, 'null'],
    [true, 'true'],
    [-0, '0'],
    [1e21, '1e+21'],
    ['ä"\n', '"ä\\"\\n"'],
    [[1, [], {}], '[1,[],{}]'],
    [{ b: 1, a: { d: [2], c: undefined } }, '{"a":{"d":[2]},"b":1}'],
    [{ 10: 'x', 9: 'y', Z: 0, a: 0 }, '{"10":"x","9":"y","Z":0,"a":0}'],
  ])('%j is written %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test.each([
    ['undefined', undefined],
    ['undefined in a list', [undefined]],
    ['NaN', { a: Number.NaN }],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a date', new Date(0)],
    ['a map', new Map()],
  ])('%s is refused', (_name, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  });

  test('it says the same value, and says it the same way whatever the order of the keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        // JSON has no negative zero, so the text is compared with what JSON itself would give back.
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
    );
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, property]) => [key, reversed(property)] as const);
  return Object.fromEntries(entries.reverse());
}
