/** Keys from one on, up to another that is not among them; to undefined: to the last there is. Compared byte by byte. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | undefined;
}

export type KeyAccess = 'read' | 'write' | 'readwrite';

/** What somebody may do, or needs to do, with some keys. */
export interface KeyRight extends KeyRange {
  readonly access: KeyAccess;
}

/** Rights that somebody holds and does not need. */
export function surplusRights(granted: readonly KeyRight[], needed: readonly KeyRight[]): KeyRight[] {
  return beyond(granted, needed);
}

/** Rights that somebody needs and does not hold. */
export function missingRights(granted: readonly KeyRight[], needed: readonly KeyRight[]): KeyRight[] {
  return beyond(needed, granted);
}

/** All keys that begin with a text, whose last character has a successor. */
export function keysBelow(prefix: string): KeyRange {
  return { from: prefix, to: prefix === '' ? undefined : prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1) };
}

/** One key alone: the next one that there can be is longer by the lowest byte. */
export function oneKey(key: string): KeyRange {
  return { from: key, to: `${key}\0` };
}

/** For people: a prefix as `/ccm/orgs/*`, one key as itself, anything else by its bounds. */
export function describeRange({ from, to }: KeyRange): string {
  if (to === undefined) return from === '' || from === '\0' ? 'every key' : `every key from ${from} on`;
  if (to === `${from}\0`) return from;
  return keysBelow(from).to === to ? `${from}*` : `${from} up to ${to}`;
}

function beyond(some: readonly KeyRight[], others: readonly KeyRight[]): KeyRight[] {
  const [read, write] = (['read', 'write'] as const).map((access) => without(rangesOf(some, access), rangesOf(others, access)));
  const both = read!.filter((range) => write!.some((other) => isSame(range, other)));
  const only = (ranges: readonly KeyRange[], access: KeyAccess) => ranges.filter((range) => !both.some((other) => isSame(range, other))).map((range) => ({ ...range, access }));
  return [...both.map((range) => ({ ...range, access: 'readwrite' as const })), ...only(read!, 'read'), ...only(write!, 'write')].sort((one, other) => compare(one.from, other.from));
}

/** The ranges of one kind of access, in order, with none that touch or overlap. */
function rangesOf(rights: readonly KeyRight[], access: 'read' | 'write'): KeyRange[] {
  const sorted = rights.filter((right) => right.access === access || right.access === 'readwrite').sort((one, other) => compare(one.from, other.from));
  const joined: KeyRange[] = [];
  for (const { from, to } of sorted) {
    const last = joined.at(-1);
    if (last === undefined || (last.to !== undefined && compare(from, last.to) > 0)) joined.push({ from, to });
    else joined[joined.length - 1] = { from: last.from, to: later(last.to, to) };
  }
  return joined;
}

/** What of some ranges is in none of the others; both as `rangesOf` leaves them. */
function without(ranges: readonly KeyRange[], others: readonly KeyRange[]): KeyRange[] {
  return others.reduce<KeyRange[]>((left, other) => left.flatMap((range) => cut(range, other)), [...ranges]);
}

function cut(range: KeyRange, other: KeyRange): KeyRange[] {
  const before: KeyRange = { from: range.from, to: earlier(range.to, other.from) };
  const after: KeyRange | undefined = other.to === undefined ? undefined : { from: compare(range.from, other.to) > 0 ? range.from : other.to, to: range.to };
  return [before, after].flatMap((part) => (part !== undefined && (part.to === undefined || compare(part.from, part.to) < 0) ? [part] : []));
}

function later(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return undefined;
  return compare(one, other) > 0 ? one : other;
}

function earlier(one: string | undefined, other: string): string {
  return one === undefined || compare(one, other) > 0 ? other : one;
}

function isSame(one: KeyRange, other: KeyRange): boolean {
  return one.from === other.from && one.to === other.to;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
