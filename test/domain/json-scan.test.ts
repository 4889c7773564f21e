import fc from 'fast-check';
import { faultOfJson } from '../../src/domain/json-scan';
import { jsonDepthMax, jsonValuesMax } from '../../src/domain/limits';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

test('finds nothing in what JSON.stringify writes, however it is spaced', () => {
  const key = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, fc.string({ unit: fc.constantFrom('"', '\\', '{', '[', ',', ':', 'a', '\n') }), fc.integer(), fc.constant(null), fc.array(tie('tree')), fc.dictionary(key, tie('tree'))),
  }));
  fc.assert(
    fc.property(tree, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      expect(faultOfJson(JSON.stringify(value, undefined, space))).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test('finds a key that is there twice, at any depth and however it is written', () => {
  expect(faultOfJson('{"a":1,"b":{"c":1,"c":2}}')).toContain('"c" twice');
  expect(faultOfJson('{"a":[{"x":{},"\\u0078":1}]}')).toContain('"x" twice');
  expect(faultOfJson('{"a":{"a":{"b":"a"}},"b":["a","a","b"],"c":{"a":"a"}}')).toBeUndefined();
});

test('finds __proto__ as a key, however it is written, and not as a value', () => {
  expect(faultOfJson('{"labels":{"__proto__":"x"}}')).toContain('__proto__');
  expect(faultOfJson('[{"\\u005f_proto__":{}}]')).toContain('__proto__');
  expect(faultOfJson('{"a":"__proto__","b":["__proto__"]}')).toBeUndefined();
});

test('finds what is too deep or too much, and ends there', () => {
  expect(faultOfJson(nested(jsonDepthMax))).toBeUndefined();
  expect(faultOfJson(nested(jsonDepthMax + 1))).toContain('nested');
  expect(faultOfJson('['.repeat(500_000))).toContain('nested');
  expect(faultOfJson(`[${'0,'.repeat(jsonValuesMax - 1)}0]`)).toBeUndefined();
  expect(faultOfJson(`[${'0,'.repeat(jsonValuesMax)}0]`)).toContain('values');
});

test('is not thrown off by anything', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', 'a', 'u', '0') }), (text) => void faultOfJson(text)), { numRuns: 2_000 });
});
