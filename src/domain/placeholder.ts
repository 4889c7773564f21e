/**
 * Placeholders: `${PORT_HTTP}` stands for the number of the port `http`, `${BERTH_ADDRESS}` for the address at which
 * the worker is reached, `${BERTH_INSTANCE_ID}` for the instance's id. `$${` writes `${` itself.
 */

/**
 * What a text is, for that decides which `${…}` in it are ours:
 * - `value`: part of a definition. Every `${` is meant for Berth, so a misspelt one is found.
 * - `file`: in a language of its own, which may have its own `${name}`. Ours are names in capitals, and whatever
 *   begins with our prefixes.
 */
export type TextKind = 'value' | 'file';

const patterns: Readonly<Record<TextKind, RegExp>> = {
  value: /\$?\$\{([^}]*)\}?/g,
  file: /\$?\$\{([A-Z][A-Z0-9_]*|(?:PORT|BERTH)_[^}\s]*)\}/g,
};

/** The placeholders that every instance has, whatever its ports. */
export const instancePlaceholders = ['BERTH_INSTANCE_ID', 'BERTH_ADDRESS'] as const;

/** A placeholder as it stands in a text. */
export interface PlaceholderUse {
  /** What is between the braces; undefined when they are not closed. */
  readonly name: string | undefined;
  /** As written, for messages. */
  readonly text: string;
  readonly index: number;
}

/** A text asks for something that nobody gives. */
export class UnknownPlaceholder extends Error {
  override readonly name = 'UnknownPlaceholder';
  readonly code = 'unknown_placeholder';

  constructor(readonly placeholder: string) {
    super(`unknown placeholder ${placeholder}`);
  }
}

/**
 * `serial_1` → `PORT_SERIAL_1`, `admin-api` → `PORT_ADMIN_API`. Texts are searched for exactly what this gives;
 * a rewriter that forgets the prefix finds nothing, and leaves every placeholder standing.
 */
export function portPlaceholder(portName: string): string {
  return `PORT_${portName.toUpperCase().replace(/[-.]/g, '_')}`;
}

/** The port name that a placeholder stands for, `PORT_SERIAL_1` → `serial_1`; undefined when it is of no port. */
export function portNameOf(placeholder: string): string | undefined {
  return /^PORT_([A-Z0-9](?:[A-Z0-9_]{0,61}[A-Z0-9])?)$/.exec(placeholder)?.[1]?.toLowerCase();
}

/** All placeholders of a text in their order, escaped ones left out. */
export function placeholdersIn(text: string, kind: TextKind): PlaceholderUse[] {
  return [...text.matchAll(patterns[kind])]
    .filter(([whole]) => !isEscaped(whole))
    .map((match) => ({ name: nameIn(match[0], match[1]), text: match[0], index: match.index }));
}

/** Replaces all placeholders of a text by their values and `$${` by `${`; everything else stays as it is. */
export function replacePlaceholders(text: string, kind: TextKind, values: ReadonlyMap<string, string>): string {
  return text.replace(patterns[kind], (whole: string, inner: string) => {
    if (isEscaped(whole)) return whole.slice(1);
    const value = values.get(nameIn(whole, inner) ?? '');
    if (value === undefined) throw new UnknownPlaceholder(whole);
    return value;
  });
}

function isEscaped(whole: string): boolean {
  return whole.startsWith('$$');
}

function nameIn(whole: string, inner: string | undefined): string | undefined {
  return whole.endsWith('}') ? inner : undefined;
}
