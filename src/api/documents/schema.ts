import { z } from 'zod';
import { problemsMax } from '../../domain/limits';
import type { Problem } from '../../domain/problem';
import { describeValue, problemAt } from '../../domain/problem';

/**
 * Schemas whose messages say what was expected. By convention the `error` of every schema in a document is a phrase
 * that goes on after "expected", so that `problemsOf` can make sentences of them.
 */

/** An object of which every field is known. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const fields = `the fields ${Object.keys(shape).join(', ')}`;
  return z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? `one of ${fields}` : `an object with ${fields}`),
  });
}

/** A JSON merge patch (RFC 7396) of the fields that may be changed: every one may be absent, and no other may be there. */
export function mergePatch<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const fields = `the fields that can be changed: ${Object.keys(shape).join(', ')}`;
  return z.strictObject(shape, { error: ({ code }) => (code === 'unrecognized_keys' ? `one of ${fields}` : `an object with any of ${fields}`) }).partial();
}

/** Text by a pattern. */
export function text(expected: string, pattern: RegExp) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

/**
 * Text that people write. Half a surrogate pair is in none; classes of characters are not in the patterns that every reader of
 * the API's document knows, so that it says the same in ranges.
 */
export function prose(expected: string, max: number, { min = 0, lines = true }: { readonly min?: number; readonly lines?: boolean } = {}) {
  const [checked, told] = lines ? ['\\0', '\\u0000'] : ['\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f'];
  return text(expected, new RegExp(`^[^${checked}\\p{Surrogate}]{${min},${max}}$`, 'u')).meta({ pattern: `^[^${told}]{${min},${max}}$` });
}

export const trueOrFalse = z.boolean({ error: 'true or false' });

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `one of ${words.join(', ')}` });
}

/** A whole number between two bounds. */
export function wholeNumber(from: number, to: number) {
  const error = `a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
}

/** A list of at most so many. */
export function list<Element extends z.core.SomeType>(element: Element, max: number, of: string) {
  return z.array(element, { error: `a list of ${of}` }).max(max, { error: `at most ${max} ${of}` });
}

/** A mapping of at most so many entries. */
export function map<Key extends z.core.$ZodRecordKey, Value extends z.core.SomeType>(
  key: Key,
  value: Value,
  max: number,
  of: string,
) {
  return z
    .record(key, value, { error: `an object of ${of}` })
    .refine((entries) => Object.keys(entries).length <= max, { error: `at most ${max} ${of}` })
    .meta({ maxProperties: max });
}

/** What a rule between the fields of a section found. */
export interface BrokenRule {
  readonly path: readonly string[];
  readonly expected: string;
  readonly found: string;
}

/**
 * A section with a rule between its fields. The rule is asked even when single fields are wrong, so that all mistakes
 * are told at once; it must bear with values that are not what their types say.
 */
export function withRule<Schema extends z.ZodType>(
  schema: Schema,
  find: (value: z.output<Schema>) => BrokenRule | undefined,
): Schema {
  return schema.superRefine(
    (value, context) => {
      const broken = find(value);
      if (broken === undefined) return;
      const { path, expected, found } = broken;
      context.addIssue({ code: 'custom', path: [...path], message: expected, params: { found } });
    },
    { when: ({ value }) => typeof value === 'object' && value !== null },
  );
}

/** Text in a notation: what the API documents of it, for whom `notation` refuses more than a pattern can say. */
export function written(error: string, pattern: RegExp, format?: string) {
  return z.string({ error }).meta({ pattern: pattern.source, ...(format !== undefined && { format }) });
}

/** Text, or also a number, that is written in a notation of its own; `parse` answers undefined to what it cannot read. */
export function notation<Value, Input extends string | number>(
  input: z.ZodType<Input>,
  expected: string,
  parse: (text: string) => Value | undefined,
) {
  return input.transform((written, context) => {
    const value = parse(String(written));
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input: written, message: expected });
    return z.NEVER;
  });
}

/** Everything that a schema found wrong; the schema must have been asked with `reportInput`. */
export function problemsOf(error: z.core.$ZodError): Problem[] {
  return error.issues.flatMap(problemsOfIssue).slice(0, problemsMax);
}

function problemsOfIssue(issue: z.core.$ZodIssue): Problem[] {
  const { path, message, input } = issue;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => problemAt([...path, key], message, 'an unknown field'));
    case 'invalid_key':
      return [problemAt(path, `${issue.issues[0]?.message ?? message} as the key`, describeValue(input))];
    case 'too_big':
      return [problemAt(path, message, Array.isArray(input) ? String(input.length) : describeValue(input))];
    case 'custom':
      return [problemAt(path, message, foundByRule(issue) ?? describeValue(input))];
    default:
      return [problemAt(path, message, describeValue(input))];
  }
}

function foundByRule({ params }: z.core.$ZodIssueCustom): string | undefined {
  return typeof params?.found === 'string' ? params.found : undefined;
}
