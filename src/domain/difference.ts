import { canonicalJson } from './canonical-json';
import { formatPath } from './problem';

/** One field that is not as it was. What was not there before, or is not there any more, is absent. */
export interface FieldChange {
  /** As in problems: `spec.labels.zone`; parts of lists of named things by their name: `status.conditions.Ready.reason`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Where something is by the shape of the object: keys of maps, and `part` for any part of a list. */
type Place = ReadonlyArray<string | typeof part>;
type Fields = ReadonlyMap<string, unknown>;

const part = Symbol('any part of a list');

/** Fields that move with every change, or only tell when and by whom it was made, which its event tells too. */
export const noise: readonly Place[] = [
  ['spec', 'schemaVersion'],
  ['spec', 'sequence'],
  ['spec', 'generation'],
  ['spec', 'updatedAt'],
  ['spec', 'cause'],
  ['status', 'schemaVersion'],
  ['status', 'sequence'],
  ['status', 'observedGeneration'],
  ['status', 'lastReconcileTime'],
  ['status', 'updatedAt'],
  ['status', 'conditions', part, 'observedGeneration'],
  ['status', 'conditions', part, 'lastTransitionTime'],
  ['allocation', 'schemaVersion'],
];

/** What tells the parts of a list apart, where all of them have it; tried in this order. */
const nameFields = ['name', 'type'] as const;

/**
 * What two JSON values differ in, field by field: maps by key, lists of named things by name and whatever their order,
 * other lists as a whole. Noise is left out, also within what appeared or went as a whole.
 */
export function differenceOf(before: unknown, after: unknown): readonly FieldChange[] {
  return changesAt([], [], before, after);
}

/** A value without what `differenceOf` does not look at. */
export function withoutNoise(value: unknown): unknown {
  return quiet([], value);
}

function changesAt(path: readonly string[], place: Place, before: unknown, after: unknown): FieldChange[] {
  if (isNoise(place) || isSame(before, after)) return [];
  const fields = fieldsOf(before, after);
  if (fields === undefined) return [{ path: formatPath(path), ...side('before', place, before), ...side('after', place, after) }];
  const keys = new Set([...fields.before.keys(), ...fields.after.keys()]);
  const placeOf = (key: string): Place => [...place, Array.isArray(before) ? part : key];
  return [...keys].sort().flatMap((key) => changesAt([...path, key], placeOf(key), fields.before.get(key), fields.after.get(key)));
}

function isSame(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before === after;
  return canonicalJson(before) === canonicalJson(after);
}

function side(name: 'before' | 'after', place: Place, value: unknown): Partial<FieldChange> {
  return value === undefined ? {} : { [name]: quiet(place, value) };
}

/** Both values by the keys or names of their parts; undefined when they can only be compared as a whole. */
function fieldsOf(before: unknown, after: unknown): { readonly before: Fields; readonly after: Fields } | undefined {
  if (isMap(before) && isMap(after)) return { before: new Map(Object.entries(before)), after: new Map(Object.entries(after)) };
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined;
  for (const field of nameFields) {
    const named = { before: byName(before, field), after: byName(after, field) };
    if (named.before && named.after) return { before: named.before, after: named.after };
  }
  return undefined;
}

/** The parts of a list by their name; undefined when one has none, or two have the same. */
function byName(list: readonly unknown[], field: (typeof nameFields)[number]): Fields | undefined {
  const named = new Map<string, unknown>();
  for (const element of list) {
    const name = isMap(element) && Object.hasOwn(element, field) ? element[field] : undefined;
    if (typeof name !== 'string' || named.has(name)) return undefined;
    named.set(name, element);
  }
  return named;
}

function quiet(place: Place, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => quiet([...place, part], element));
  if (!isMap(value)) return value;
  const kept = Object.entries(value).filter(([key, field]) => field !== undefined && !isNoise([...place, key]));
  return Object.fromEntries(kept.map(([key, field]) => [key, quiet([...place, key], field)]));
}

function isNoise(place: Place): boolean {
  return noise.some((known) => known.length === place.length && known.every((name, depth) => name === place[depth]));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
