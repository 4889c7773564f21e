import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseDefinition } from '../../src/api/definitions/document';
import { definitionDocument } from '../../src/api/definitions/schema';
import { writeDocument } from '../../src/api/definitions/write-document';
import { InvalidDocument } from '../../src/api/documents/invalid-document';
import { canonicalJson } from '../../src/domain/canonical-json';
import { definitionBytesMax, documentDepthMax, portsPerInstanceMax, problemsMax } from '../../src/domain/limits';
import type { Problem } from '../../src/domain/problem';
import { contentHash } from '../../src/hash';

const minimal = 'name: a\nversion: 1.0.0\ncomponents: [{ name: web, command: [web] }]\n';

function corpus(kind: 'good' | 'bad'): Array<[name: string, text: string]> {
  const directory = path.join(__dirname, '../corpus/definitions', kind);
  return readdirSync(directory).map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]);
}

/** Lines `# mark: left separator right` at the head of a document of the corpus. */
function headers(text: string, mark: string, separator: string): Array<[left: string, right: string]> {
  const lines = text.split('\n').filter((line) => line.startsWith(`# ${mark}: `));
  return lines.map((line) => {
    const rest = line.slice(`# ${mark}: `.length);
    const at = rest.indexOf(separator);
    return [rest.slice(0, at), rest.slice(at + separator.length)];
  });
}

function problemsIn(input: unknown): readonly Problem[] {
  try {
    parseDefinition(input);
  } catch (error) {
    if (error instanceof InvalidDocument) return error.problems;
    throw error;
  }
  return [];
}

function valueAt(root: unknown, at: string): unknown {
  const keys = at.split(/\.|\[|\]\.?/).filter((key) => key !== '');
  return keys.reduce((value, key) => (value as Record<string, unknown>)[key], root);
}

describe('a good document', () => {
  it.each(corpus('good'))('%s gives what its head says', (_, text) => {
    const body = parseDefinition(text);
    const expected = headers(text, 'gives', ' = ');
    expect(expected.length).toBeGreaterThan(0);
    for (const [at, json] of expected) expect([at, valueAt(body, at)]).toEqual([at, JSON.parse(json)]);
  });

  it.each(corpus('good'))('%s gives the same body and hash as text, as an object and a second time', (_, text) => {
    const bodies = [parseDefinition(text), parseDefinition(parse(text)), parseDefinition(text)];
    expect(new Set(bodies.map(contentHash)).size).toBe(1);
  });

  it.each(corpus('good'))('%s is written from its body so that it gives the same one', (_, text) => {
    const body = parseDefinition(text);
    expect(parseDefinition(writeDocument(body))).toEqual(body);
  });

  it('cannot be changed once it is read', () => {
    const body = parseDefinition(minimal);
    expect(() => Object.assign(body.components[0]!.stop, { graceMs: 1 })).toThrow(TypeError);
    expect(() => Object.assign(body, { name: 'b' })).toThrow(TypeError);
  });

  it('does not change or freeze what was handed in', () => {
    const document: unknown = parse(minimal);
    const before = structuredClone(document);
    parseDefinition(document);
    expect(document).toEqual(before);
    expect(Object.isFrozen(document)).toBe(false);
  });
});

describe('a bad document', () => {
  it.each(corpus('bad'))('%s is refused with the problems in its head and no others', (_, text) => {
    const expected = headers(text, 'expect', ' | ');
    expect(expected.length).toBeGreaterThan(0);
    const problems = problemsIn(text);
    expect(problems.map((problem) => problem.path).sort()).toEqual(expected.map(([at]) => at).sort());
    for (const [at, fragment] of expected) {
      const messages = problems.filter((problem) => problem.path === at).map(({ message }) => message);
      expect(messages.join('\n')).toContain(fragment);
      expect(messages.join('\n')).toContain(at);
    }
  });

  it('is refused when it is too large, as text and as an object', () => {
    const text = minimal + `description: ${'x'.repeat(definitionBytesMax)}\n`;
    expect(problemsIn(text)).toMatchObject([{ path: '', expected: `at most ${definitionBytesMax} bytes` }]);
    const document = { ...(parse(minimal) as object), description: 'ü'.repeat(definitionBytesMax / 2) };
    expect(problemsIn(document)).toMatchObject([{ path: '', expected: `at most ${definitionBytesMax} bytes` }]);
  });

  it.each([
    ['flow sequences', '['.repeat(100_000)],
    ['flow mappings', '{a: '.repeat(50_000)],
    ['block sequences', '- '.repeat(100_000)],
    ['explicit keys', '? '.repeat(100_000)],
    ['just one level more', `a: ${'['.repeat(documentDepthMax)}`],
  ])('is refused when %s are nested too deep, without ending the process', (_, text) => {
    expect(problemsIn(text)).toMatchObject([{ path: '', expected: expect.stringContaining('levels deep') as string }]);
  });

  it('is refused when an object is nested too deep', () => {
    const deep = Array.from({ length: 5000 }).reduce<unknown>((inner) => ({ inner }), 1);
    expect(problemsIn(deep)).toMatchObject([{ expected: `at most ${documentDepthMax} levels of nesting` }]);
  });

  it('is refused in bounded time when it is full of keys or of errors', () => {
    const keys = Array.from({ length: 30_000 }, (_, index) => `k${index}:\n`).join('');
    const startedAt = performance.now();
    expect(problemsIn(keys).length).toBeGreaterThan(0);
    expect(problemsIn(']'.repeat(200_000)).length).toBeGreaterThan(0);
    // The library's own search for repeated keys takes half a minute for these.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it.each([
    ['a number that JSON cannot hold', { name: 'a', version: 1n }],
    ['undefined', undefined],
    ['null', null],
    ['a Date', new Date(0)],
  ])('is refused when it is %s', (_, input) => {
    expect(problemsIn(input).length).toBeGreaterThan(0);
  });

  it('is refused with a bounded list when everything in it is wrong', () => {
    const ports = Array.from({ length: portsPerInstanceMax }, () => ({ name: 'X' }));
    const document = { ...(parse(minimal) as object), ports };
    expect(problemsIn(document)).toHaveLength(problemsMax);
  });

  it('is refused when its parts are within bounds, but not all together', () => {
    const components = [0, 1, 2].map((component) => ({
      name: `c${component}`,
      command: ['c'],
      ports: Array.from({ length: 100 }, (_, index) => ({ name: `p${component}-${index}` })),
    }));
    const files = { a: 'x'.repeat(70_000), b: 'x'.repeat(70_000) };
    expect(problemsIn({ ...(parse(minimal) as object), components, files })).toMatchObject([
      { path: 'ports', message: 'ports: expected at most 256 ports in all, found 300' },
      { path: 'files', message: 'files: expected at most 131072 bytes in all files together, found 140000' },
    ]);
  });

  it('never ends in anything but a body or a list of problems', () => {
    const junk = fc.jsonValue();
    const component = fc.record({ ports: junk, readiness: junk, environment: junk });
    const document = fc.record({ components: fc.array(component), files: junk, artifact: junk });
    fc.assert(
      fc.property(fc.oneof(junk, fc.string(), document), (input) => {
        for (const { path: at, message } of problemsIn(input)) expect(message).toContain(at);
      }),
    );
  });
});

describe('the content hash', () => {
  it('does not depend on the order of keys, nor on whether a default is written', () => {
    const web = '{ stop: { signal: SIGTERM, grace: 10s }, command: [web], runtime: process, name: web }';
    const a = parseDefinition(minimal);
    const b = parseDefinition(`restart: on-failure\nversion: 1.0.0\ncomponents: [${web}]\nname: a\n`);
    expect(contentHash(a)).toBe(contentHash(b));
  });

  it('differs where a body differs', () => {
    const other = parseDefinition(minimal.replace('[web]', '[wob]'));
    expect(contentHash(parseDefinition(minimal))).not.toBe(contentHash(other));
  });

  it('is that of the canonical JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (record) => {
        const reversed = Object.fromEntries(Object.entries(record).reverse());
        expect(contentHash(reversed)).toBe(contentHash(JSON.parse(canonicalJson(record))));
      }),
    );
  });
});

it('the schema can be shown as JSON Schema, with every field of the document', () => {
  const { definitions } = z.toJSONSchema(definitionDocument, { io: 'input', target: 'openapi-3.0' });
  const shown = (definitions as Record<string, z.core.JSONSchema.BaseSchema> | undefined)?.DefinitionDocument;
  expect(Object.keys(shown?.properties ?? {})).toEqual(
    expect.arrayContaining(['name', 'version', 'components', 'ports', 'files', 'artifact', 'retry', 'maxDuration']),
  );
  expect(shown?.additionalProperties).toBe(false);
});

test.each(['&a\nname: *a\nversion: *a\ncomponents: *a', 'components: &a [&b [*a]]'])('an alias within what it names is refused, not followed for ever: %j', (text) => {
  expect(() => parseDefinition(text)).toThrow(/stands within what it names/);
});
