import fc from 'fast-check';
import type { KeyAccess, KeyRight } from '../../src/domain/key-rights';
import { describeRange, keysBelow, missingRights, oneKey, surplusRights } from '../../src/domain/key-rights';

const below = (prefix: string, access: KeyAccess): KeyRight => ({ ...keysBelow(prefix), access });
const one = (key: string, access: KeyAccess): KeyRight => ({ ...oneKey(key), access });

test.each<[string, KeyRight[], KeyRight[], KeyRight[], KeyRight[]]>([
  ['the same', [below('/a/', 'read')], [below('/a/', 'read')], [], []],
  ['both kinds at once or one by one', [below('/a/', 'readwrite')], [below('/a/', 'read'), below('/a/', 'write')], [], []],
  ['more than is needed, by kind', [below('/a/', 'readwrite')], [below('/a/', 'read')], [below('/a/', 'write')], []],
  ['less than is needed, by kind', [below('/a/', 'read')], [below('/a/', 'readwrite')], [], [below('/a/', 'write')]],
  ['another', [below('/a/', 'read')], [below('/b/', 'read')], [below('/a/', 'read')], [below('/b/', 'read')]],
  ['a key within', [below('/a/', 'write')], [one('/a/x', 'write')], [{ from: '/a/', to: '/a/x', access: 'write' }, { from: '/a/x\0', to: '/a0', access: 'write' }], []],
  ['parts that make up a whole', [{ from: '/a/', to: '/a/m', access: 'read' }, { from: '/a/m', to: '/a0', access: 'read' }], [below('/a/', 'read')], [], []],
  ['everything', [{ from: '\0', to: undefined, access: 'readwrite' }], [below('/a/', 'readwrite')], [{ from: '\0', to: '/a/', access: 'readwrite' }, { from: '/a0', to: undefined, access: 'readwrite' }], []],
])('%s', (_, granted, needed, surplus, missing) => {
  expect(surplusRights(granted, needed)).toEqual(surplus);
  expect(missingRights(granted, needed)).toEqual(missing);
});

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 3 });
const right = fc.record({ from: key, to: fc.option(key, { nil: undefined }), access: fc.constantFrom<KeyAccess>('read', 'write', 'readwrite') });
const rights = fc.array(right.filter(({ from, to }) => to === undefined || from < to), { maxLength: 5 });

test('a key is in the surplus exactly if it is granted and not needed, whatever the ranges', () => {
  fc.assert(
    fc.property(rights, rights, key, fc.constantFrom<'read' | 'write'>('read', 'write'), (granted, needed, probe, access) => {
      const covers = (some: readonly KeyRight[]) => some.some(({ from, to, access: held }) => from <= probe && (to === undefined || probe < to) && (held === access || held === 'readwrite'));
      expect(covers(surplusRights(granted, needed))).toBe(covers(granted) && !covers(needed));
      expect(covers(missingRights(granted, needed))).toBe(covers(needed) && !covers(granted));
    }),
    { numRuns: 2_000 },
  );
});

test('people are told of ranges in their own words', () => {
  const told = [keysBelow('/ccm/'), oneKey('/ccm/epoch'), { from: '/a', to: '/c' }, { from: '\0', to: undefined }, { from: '/a', to: undefined }].map(describeRange);
  expect(told).toEqual(['/ccm/*', '/ccm/epoch', '/a up to /c', 'every key', 'every key from /a on']);
});
