import fc from 'fast-check';
import { canonicalJson } from '../../src/domain/canonical-json';
import type { FieldChange } from '../../src/domain/difference';
import { differenceOf, noise, withoutNoise } from '../../src/domain/difference';

const condition = (type: string, differences: Record<string, unknown> = {}) => ({ type, status: 'True', reason: 'Well', ...differences });

test.each<[string, unknown, unknown, readonly FieldChange[]]>([
  ['a changed field', { spec: { paused: false } }, { spec: { paused: true } }, [{ path: 'spec.paused', before: false, after: true }]],
  ['a field that appeared', { spec: {} }, { spec: { maxDurationMs: 5 } }, [{ path: 'spec.maxDurationMs', after: 5 }]],
  ['a field that went', { status: { halted: { reason: 'a' } } }, { status: {} }, [{ path: 'status.halted', before: { reason: 'a' } }]],
  ['null, which is a value', { a: null }, {}, [{ path: 'a', before: null }]],
  ['undefined, which is none', { a: undefined, b: 1 }, { b: 1 }, []],
  ['labels by their name, however odd', { spec: { labels: { 'a.b/c': 'x', d: '1' } } }, { spec: { labels: { 'a.b/c': 'y', d: '1' } } }, [{ path: 'spec.labels["a.b/c"]', before: 'x', after: 'y' }]],
  [
    'conditions by their type, whatever their order',
    { status: { conditions: [condition('Ready'), condition('Scheduled')] } },
    { status: { conditions: [condition('Scheduled'), condition('Ready', { status: 'False' })] } },
    [{ path: 'status.conditions.Ready.status', before: 'True', after: 'False' }],
  ],
  ['named things in another order only', { ports: [{ name: 'a' }, { name: 'b' }] }, { ports: [{ name: 'b' }, { name: 'a' }] }, []],
  [
    'a named thing in a list that was empty',
    { spec: { ports: [] } },
    { spec: { ports: [{ name: 'http', protocol: 'tcp' }] } },
    [{ path: 'spec.ports.http', after: { name: 'http', protocol: 'tcp' } }],
  ],
  ['a list of other things as a whole', { undo: [{ step: 'a' }] }, { undo: [{ step: 'a' }, { step: 'b' }] }, [{ path: 'undo', before: [{ step: 'a' }], after: [{ step: 'a' }, { step: 'b' }] }]],
  ['a list in which two have one name as a whole', { l: [{ name: 'a' }] }, { l: [{ name: 'a' }, { name: 'a' }] }, [{ path: 'l', before: [{ name: 'a' }], after: [{ name: 'a' }, { name: 'a' }] }]],
  ['another kind of value', { a: [] }, { a: {} }, [{ path: 'a', before: [], after: {} }]],
  ['noise', { status: { phase: 'A', lastReconcileTime: '1', sequence: 1 } }, { status: { phase: 'A', lastReconcileTime: '2', sequence: 2 } }, []],
  [
    'noise within what appeared',
    {},
    { status: { phase: 'A', sequence: 1, conditions: [condition('Ready', { lastTransitionTime: 't', observedGeneration: 1 })] } },
    [{ path: 'status', after: { phase: 'A', conditions: [condition('Ready')] } }],
  ],
  [
    'what only has the name of noise',
    { spec: { labels: { generation: '1' }, ports: [{ name: 'sequence', port: 1 }] } },
    { spec: { labels: { generation: '2' }, ports: [{ name: 'sequence', port: 2 }] } },
    [
      { path: 'spec.labels.generation', before: '1', after: '2' },
      { path: 'spec.ports.sequence.port', before: 1, after: 2 },
    ],
  ],
])('shows %s', (_what, before, after, expected) => {
  expect(differenceOf(before, after)).toEqual(expected);
});

test('no field that somebody decides is noise', () => {
  const decided = ['labels', 'paused', 'maxDurationMs', 'restart', 'retry', 'intent', 'intentGeneration', 'command', 'phase', 'message', 'halted', 'deadlineAt'];
  expect(noise.filter((path) => decided.includes(path[path.length - 1] as string))).toEqual([]);
});

/** Objects as they are, of any shape: names of noise among their keys, lists with names and without, keys that are no identifiers. */
const key = fc.oneof(fc.constantFrom('spec', 'status', 'sequence', 'conditions', 'labels', 'generation', 'a', '', '0', 'x.y', '"', '__proto__'), fc.string({ maxLength: 3 }));
const { value: json } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom(null, true, 0, 1, '', 'x'), tie('map'), tie('named'), fc.array(tie('value'), { maxLength: 3 })),
  map: fc.uniqueArray(fc.tuple(key, tie('value')), { maxLength: 4, selector: ([name]) => name }).map((entries) => Object.fromEntries(entries) as unknown),
  named: fc.uniqueArray(fc.tuple(fc.constantFrom('name', 'type'), key, tie('value')), { maxLength: 3, selector: ([, name]) => name }).map((parts) => parts.map(([field, name, of]) => ({ [field]: name, of }))),
}));
const object = fc.record({ spec: json, status: json, rest: json });

test('equal objects differ in nothing, whatever the order of their keys', () => {
  fc.assert(fc.property(object, (value) => expect(differenceOf(value, reversed(value))).toEqual([])));
});

test('what is done to the one gives the other, but for noise and the order of named things', () => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const changed = applied(withoutNoise(before), differenceOf(before, after));
      expect(ordered(changed)).toBe(ordered(withoutNoise(after)));
    }),
    { numRuns: 2_000 },
  );
});

test('there and back are the same fields', () => {
  fc.assert(
    fc.property(object, object, (one, other) => {
      const turned = differenceOf(other, one).map(({ path, ...sides }) => ({
        path,
        ...('after' in sides && { before: sides.after }),
        ...('before' in sides && { after: sides.before }),
      }));
      expect(turned).toEqual(differenceOf(one, other));
    }),
  );
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, field]) => [name, reversed(field)]));
}

/** Does to a value what a difference says. */
function applied(value: unknown, changes: readonly FieldChange[]): unknown {
  return changes.reduce((so, change) => put(so, segmentsOf(change.path), change), value);
}

function put(value: unknown, [name, ...rest]: readonly string[], change: FieldChange): unknown {
  if (name === undefined) return change.after;
  if (Array.isArray(value)) {
    const at = value.findIndex((part: Record<string, unknown>) => part['name'] === name || (!('name' in part) && part['type'] === name));
    const next = put(at < 0 ? undefined : value[at], rest, change);
    if (at < 0) return [...(value as unknown[]), next];
    return next === undefined && !('after' in change) ? value.filter((_, index) => index !== at) : value.map((part: unknown, index) => (index === at ? next : part));
  }
  const fields = new Map(Object.entries((value ?? {})));
  const next = put(fields.get(name), rest, change);
  if (rest.length === 0 && !('after' in change)) fields.delete(name);
  else fields.set(name, next);
  return Object.fromEntries(fields);
}

function segmentsOf(path: string): string[] {
  return [...path.matchAll(/\.?([A-Za-z_][\w-]*)|\[("(?:[^"\\]|\\.)*")\]/g)].map(([, plain, quoted]) => plain ?? (JSON.parse(quoted!) as string));
}

/** The text of a value in which lists are in an order of their own. */
function ordered(value: unknown): string {
  return canonicalJson(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((one, other) => (canonicalJson(one) < canonicalJson(other) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, sorted(field)]));
}
