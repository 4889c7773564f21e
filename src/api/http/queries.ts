import { z } from 'zod';
import { labelsMax, pageSizeDefault, pageSizeMax, waitForTimeoutMsMax } from '../../domain/limits';
import { duration } from '../documents/scalars';
import { notation, oneOf, section, text, written } from '../documents/schema';

/** The parameters that routes share. A route takes its own and no others: a misspelt filter must not filter nothing. */

/** Ids become parts of keys, so only what can be one is looked for. */
export const objectId = text('an id', /^[A-Za-z0-9-]{1,64}$/);

/** A revision; numbers are taken from bodies, too. */
export const revisionNumber = wholeNumberOrText('a revision');

/** A whole number, in a body as such, in a query as text. As many digits as a number holds without loss. */
export function wholeNumberOrText(what: string) {
  const pattern = /^\d{1,15}$/;
  const expected = `${what}, a whole number`;
  const number = z.int({ error: expected }).meta({ minimum: 0, maximum: 10 ** 15 - 1 });
  return notation(z.union([written(what, pattern), number], { error: what }), expected, (given) => (pattern.test(given) ? Number(given) : undefined));
}

/** A parameter that is a whole number between two bounds; queries bring all they bring as text. */
export function numberParameter(from: number, to: number) {
  return notation(z.string({ error: 'a number' }), `a whole number from ${from} to ${to}`, (given) => {
    const value = Number(given);
    return /^\d{1,9}$/.test(given) && value >= from && value <= to ? value : undefined;
  }).meta({ type: 'integer', minimum: from, maximum: to });
}

/** For every read: answer from this revision or a later one. */
export const readFields = {
  minRevision: revisionNumber.optional().meta({ description: 'Answer from this revision on; wait for it if need be.' }),
  timeout: duration(0, waitForTimeoutMsMax).optional().meta({ description: 'How long to wait, such as 30s.' }),
};

export const readQuery = section(readFields);
export type ReadQuery = z.output<typeof readQuery>;

/** For lists, which come in pages. */
export const pageFields = {
  ...readFields,
  limit: numberParameter(1, pageSizeMax)
    .optional()
    .meta({ description: `Objects in a page; ${pageSizeDefault} by default.` }),
  cursor: text('the nextCursor of an earlier page', /^[A-Za-z0-9_-]{1,400}$/)
    .meta({ format: 'page-cursor' })
    .optional()
    .meta({ description: 'Where the former page ended: its nextCursor.' }),
};

/** Whether a list is of what lives, or of what has ended long ago and retired. */
export const archivedField = oneOf(['true', 'false'])
  .optional()
  .transform((written) => written === 'true')
  .meta({ description: 'true: those that have ended long ago and were archived, instead of those that are there.' });

/** For waiting until an object has come to a phase. */
export function waitFields<const Phases extends readonly [string, ...string[]]>(phases: Phases) {
  return {
    waitFor: oneOf(phases).optional().meta({ description: 'Answer when the object has come to this phase, or can no longer.' }),
    timeout: readFields.timeout,
  };
}

/** For changes of a spec. */
export const dryRunField = oneOf(['true', 'false'])
  .transform((given) => given === 'true')
  .optional()
  .meta({ description: 'With true: answer what would change, and change nothing.' });

/** For lists: narrows them to one owner. What is somebody else's is on none. */
export const ownerFields = {
  org: objectId.optional().meta({ description: 'Id of the org that they belong to.' }),
  project: objectId.optional().meta({ description: 'Id of the project that they belong to.' }),
};

/** For what is created: to whom it shall belong. */
export const ownerOfNew = {
  org: objectId.optional().meta({ description: "Id of the org that it shall belong to; the caller's own when absent. Only those who run Berth name another." }),
  project: objectId.optional().meta({ description: "Id of the project that it shall belong to; `default`, or the first that the caller is confined to, when absent." }),
};

/** A parameter that may be repeated. */
export function several<Words extends readonly [string, ...string[]]>(words: Words) {
  const one = oneOf(words);
  return z
    .union([one, z.array(one)], { error: `one or several of ${words.join(', ')}` })
    .transform((given) => (Array.isArray(given) ? given : [given]));
}

const labelFilter = text('a label as name=value', /^[^=]+=[^\r\n\u2028\u2029]*$/);

/** `label=zone=lab`, repeated for more. */
export const labelsFilter = z
  .union([labelFilter, z.array(labelFilter).max(labelsMax)], { error: 'labels as name=value' })
  .transform((given) => (Array.isArray(given) ? given : [given]).map(nameAndValue));

/** Whether an object carries all labels that a filter asks for. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: ReadonlyArray<readonly [string, string]> | undefined): boolean {
  return (wanted ?? []).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}

/** The labels that a filter asks for, each as `name=value`. */
export function labelTexts(wanted: ReadonlyArray<readonly [string, string]> | undefined): string[] | undefined {
  return wanted?.map(([name, value]) => `${name}=${value}`);
}

function nameAndValue(label: string): readonly [string, string] {
  const position = label.indexOf('=');
  return [label.slice(0, position), label.slice(position + 1)];
}
