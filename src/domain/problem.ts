/** One thing that is wrong in a document: where it is, and what was expected there. */
export interface Problem {
  /** As a person would write it: `components[0].ports[1].name`; empty for the document as a whole. */
  readonly path: string;
  readonly expected: string;
  /** The whole sentence. */
  readonly message: string;
}

const valueCharactersShownMax = 40;

/** Builds a problem; `found` is text for people, see `describeValue`. */
export function problemAt(path: readonly PropertyKey[], expected: string, found: string): Problem {
  const place = formatPath(path);
  const message = `${place === '' ? 'the document' : place}: expected ${expected}, found ${found}`;
  return { path: place, expected, message };
}

/** `['components', 0, 'files', 'a.txt']` → `components[0].files["a.txt"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    const key = String(segment);
    if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${text}[${JSON.stringify(key)}]`;
    return text === '' ? key : `${text}.${key}`;
  }, '');
}

/** A value in a few words, short enough to stand in a message whatever somebody sent. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return JSON.stringify(shorten(value));
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return `a ${typeof value}`;
  }
}

function describeObject(value: object): string {
  if (!Array.isArray(value)) return 'an object';
  return value.length === 0 ? 'an empty list' : 'a list';
}

function shorten(text: string): string {
  return text.length <= valueCharactersShownMax ? text : `${text.slice(0, valueCharactersShownMax)}…`;
}
