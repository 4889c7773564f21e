const encoder = new TextEncoder();

/** How many bytes a text has once it is written. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}
