const encoder = new TextEncoder();

/** How many bytes a text has once it is written. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}

/** Whether a text has bytes at all: half of a surrogate pair has none, and many who read JSON refuse all of a document that holds one. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** A text with what a cut has left of a character replaced. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\u{FFFD}');
}
