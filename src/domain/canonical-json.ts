/**
 * The one text of a JSON value: keys sorted by UTF-16 code units, no whitespace, numbers and strings as
 * `JSON.stringify` writes them (RFC 8785). Equal values give equal texts, so that a hash of the text names the value.
 * Properties that are `undefined` are left out, as JSON does; what JSON would change silently is refused.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && isPlain(value)) {
    const properties = Object.entries(value)
      .filter(([, property]) => property !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, property]) => `${JSON.stringify(key)}:${canonicalJson(property)}`);
    return `{${properties.join(',')}}`;
  }
  throw new TypeError(`not a JSON value: ${Object.prototype.toString.call(value)}`);
}

/** A Date, Map or class instance would lose what it is. Compared by shape, since each realm has its own `Object`. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
