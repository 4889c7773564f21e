import { jsonDepthMax, jsonValuesMax } from './limits';

/** A list or an object that is open; of an object, the keys that it has so far. */
interface Open {
  readonly keys: Set<string> | undefined;
  /** Whether the next string is a key. */
  beforeKey: boolean;
}

/**
 * What is wrong with a JSON text that a parser takes without a word: too deep, too many values, a key that is there
 * twice, or one by which assignments reach what all objects share. Undefined also where a parser finds something.
 */
export function faultOfJson(text: string): string | undefined {
  const open: Open[] = [];
  const marks = /["{}[\],]/g;
  let values = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const inside = open.at(-1);
    switch (mark[0]) {
      case '"': {
        const end = endOfString(text, mark.index);
        if (end === undefined) return undefined;
        marks.lastIndex = end;
        const fault = inside?.keys && inside.beforeKey ? faultOfKey(text.slice(mark.index, end), inside.keys) : undefined;
        if (fault !== undefined) return fault;
        if (inside) inside.beforeKey = false;
        break;
      }
      case '{':
      case '[':
        if (open.length === jsonDepthMax) return `it is nested more than ${jsonDepthMax} levels deep`;
        open.push({ keys: mark[0] === '{' ? new Set() : undefined, beforeKey: true });
        values += 1;
        break;
      case ',':
        if (inside) inside.beforeKey = true;
        values += 1;
        break;
      default:
        open.pop();
    }
    if (values > jsonValuesMax) return `it holds more than ${jsonValuesMax} values`;
  }
  return undefined;
}

/** Behind the quotation mark that ends a string; undefined where none does. */
function endOfString(text: string, start: number): number | undefined {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === '\\') before -= 1;
    if ((end - before) % 2 === 0) return end + 1;
  }
  return undefined;
}

function faultOfKey(written: string, keys: Set<string>): string | undefined {
  const key = keyOf(written);
  if (key === undefined) return undefined;
  if (key === '__proto__') return 'no object may have the key "__proto__"';
  if (keys.has(key)) return `an object has the key ${JSON.stringify(key)} twice`;
  keys.add(key);
  return undefined;
}

function keyOf(written: string): string | undefined {
  if (!written.includes('\\')) return written.slice(1, -1);
  try {
    return JSON.parse(written) as string;
  } catch {
    return undefined; // No JSON, as the parser will say.
  }
}
