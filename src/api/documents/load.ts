import { documentDepthMax, problemsMax } from '../../domain/limits';
import type { Problem } from '../../domain/problem';
import { describeValue, problemAt } from '../../domain/problem';
import { isWellFormed, utf8Bytes } from '../../domain/utf8';
import { InvalidDocument } from './invalid-document';
import { readYaml } from './yaml';

/**
 * Turns what somebody sent, as text (YAML or JSON) or already parsed, into a plain tree that a schema can look at:
 * bounded in size and depth, and without what a schema would not see.
 */
export function loadDocument(input: unknown, bytesMax: number): unknown {
  if (typeof input === 'string') {
    checkSize(input, bytesMax);
    return checkPure(readYaml(input));
  }
  checkSize(textOf(checkPure(input)), bytesMax);
  return input;
}

function checkSize(text: string, bytesMax: number): void {
  const bytes = utf8Bytes(text);
  if (bytes > bytesMax) throw new InvalidDocument([problemAt([], `at most ${bytesMax} bytes`, `${bytes}`)]);
}

function checkPure(value: unknown): unknown {
  const problems = [...impurities(value, [])].slice(0, problemsMax);
  if (problems.length > 0) throw new InvalidDocument(problems);
  return value;
}

/** A value that JSON does not have (a bigint) cannot have come from a body, but must not end as a fault of ours. */
function textOf(input: unknown): string {
  try {
    return JSON.stringify(input) ?? '';
  } catch (cause) {
    throw new InvalidDocument([problemAt([], 'a JSON value', describeValue(input))], { cause });
  }
}

/**
 * `__proto__` is a key that schemas skip without a word and that assignments obey; a Buffer or Set (YAML tags make
 * them) looks like an object and is none.
 */
function* impurities(value: unknown, path: readonly PropertyKey[]): Generator<Problem> {
  if (typeof value === 'string' && !isWellFormed(value)) yield problemAt(path, 'text of whole characters', 'half of a surrogate pair');
  if (typeof value !== 'object' || value === null) return;
  if (path.length > documentDepthMax) {
    yield problemAt(path.slice(0, 3), `at most ${documentDepthMax} levels of nesting`, 'more');
  } else if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) yield* impurities(element, [...path, index]);
  } else if (!isPlain(value)) {
    yield problemAt(path, 'a plain value', `a ${value.constructor.name}`);
  } else {
    for (const [key, property] of Object.entries(value)) {
      if (key === '__proto__') yield problemAt([...path, key], 'another key', describeValue(key));
      else if (!isWellFormed(key)) yield problemAt(path, 'keys of whole characters', 'half of a surrogate pair');
      else yield* impurities(property, [...path, key]);
    }
  }
}

/** Compared by shape, since each realm has its own `Object`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
