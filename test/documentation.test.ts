import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseDefinition } from '../src/api/definitions/document';
import { definitionDocument } from '../src/api/definitions/schema';
import { problemKinds } from '../src/api/http/problem';
import { instancePlaceholders } from '../src/domain/placeholder';
import { transitionsOf } from '../src/domain/phases';
import { pinnedBinaries } from '../src/processes/embedded/pinned';
import { readSettings } from '../src/processes/environment';
import { searchAttributes } from '../src/workflows/messages';

/** Documents that say what is no longer so cost more than none; whatever of them can be compared with the code is. */
const root = resolve(__dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const readme = read('README.md');
const documents = ['.', 'docs', 'examples', 'tools'].flatMap((folder) =>
  (existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [])
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file)),
);

/** What a pattern with one group finds, each once. */
function found(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1]!))];
}

/** The text below a heading, up to the next one of its level. */
function section(text: string, heading: string): string {
  const [, body] = text.split(`\n## ${heading}\n`);
  if (body === undefined) throw new Error(`there is no section ${heading}`);
  return body.split('\n## ')[0]!;
}

describe.each(documents)('%s', (file) => {
  const text = read(file);
  const isThere = (path: string) => existsSync(join(root, dirname(file), path)) || existsSync(join(root, path));

  test('links to what is there', () => {
    const links = found(text, /\]\(([^)]+)\)/g).filter((link) => !/^https?:/.test(link));
    const broken = links.filter((link) => {
      const [path = '', heading] = link.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && !found(read(target), /^#+ (.*)$/gm).map(slug).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  test('names only files that are there', () => {
    const paths = found(text, /(?<![\w/.~$}-])((?:src|test|bench|examples|docs|tools|scripts|dist|\.ci)\/[\w./-]*\w)/g);
    // What is compiled stands for its source.
    const sources = paths.map((path) => path.replace(/^dist\/(.*)\.js$/, 'src/$1.ts'));
    expect(sources.filter((path) => !isThere(path))).toEqual([]);
  });

  test('names only commands that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(found(text, /npm run (?:-s |--silent )?([\w:-]+)/g).filter((name) => !(name in scripts))).toEqual([]);
  });
});

test('each guarantee names the test that proves it', () => {
  const promises = read('docs/guarantees.md').split('\n').filter((line) => /^\| (?!promise|---)/.test(line));
  expect(promises.length).toBeGreaterThan(15);
  expect(promises.filter((line) => !/`test\/[^`]+`[^|]*\|$/.test(line))).toEqual([]);
});

/** As the site that shows the documents makes an anchor of a heading. */
function slug(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\s-]/g, '').replace(/\s/g, '-');
}

describe('settings', () => {
  const variables = found(['environment', 'etcd-access', 'listening'].map((file) => read(`src/processes/${file}.ts`)).join(), /'(BERTH_\w+)'/g);
  const cells = [...readme.matchAll(/^\| ((?:`BERTH_\w+` ?)+)\| (.*?) \|/gm)];
  const rows = new Map(cells.flatMap(([, names, cell]) => found(names!, /`(\w+)`/g).map((name) => [name, cell!] as const)));

  test('are all in the README, and no others', () => {
    expect(variables.length).toBeGreaterThan(10);
    expect([...rows.keys()].sort()).toEqual([...variables].sort());
    const ofOthers = ['src/failpoints.ts', 'src/cli/server.ts', 'test/faults/harness/budget.ts', 'test/fuzz/openapi.test.ts', 'test/fuzz/schemathesis.ts', 'test/api/routes-page.test.ts', 'bench/stream.ts', 'bench/front-door.ts'].flatMap((file) => found(read(file), /(?:process\.env|environment)\['(BERTH_\w+)'\]/g));
    const known = [...variables, ...ofOthers, ...instancePlaceholders, ...Object.values(pinnedBinaries).map(({ variable }) => variable)];
    expect(documents.flatMap((file) => found(read(file), /(BERTH_[A-Z_]+)/g)).filter((name) => !known.includes(name))).toEqual([]);
  });

  test('have the defaults that the README says', () => {
    const required = { BERTH_ETCD_ENDPOINTS: 'http://etcd:2379', BERTH_MONGODB_URI: 'mongodb://db/', BERTH_TEMPORAL_ADDRESS: 'temporal:7233' };
    const said = [...rows].flatMap(([name, cell]) => (cell.startsWith('`') ? [[name, cell.slice(1, -1)] as const] : []));
    for (const [name, value] of said) expect([name, readSettings({ ...required, [name]: value })]).toEqual([name, readSettings(required)]);
    const without = [...rows].filter(([, cell]) => cell === 'required').map(([name]) => name);
    expect(without.sort()).toEqual(Object.keys(required).sort());
  });
});

test('the search attributes are those that are registered', () => {
  const names = Object.values(searchAttributes).map(({ name }) => name);
  expect(found(readme, /`(Berth[A-Z][a-z]+)`/g).sort()).toEqual([...names].sort());
});

describe('the API', () => {
  const api = section(readme, 'API');

  test('has the collections of the table', () => {
    const documented = [...api.matchAll(/^\| ((?:`[a-z-]+` ?)+)\|/gm)].flatMap(([, names]) => found(names!, /`([a-z-]+)`/g));
    // The page of routes is what the server serves, by a test of its own.
    expect(documented.sort()).toEqual(found(read('docs/routes.md'), /`\/api\/v1\/([a-z-]+)/g).sort());
  });

  test('answers with the codes of the table, each with its status', () => {
    const documented = [...api.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)].flatMap(([, status, codes]) =>
      found(codes!, /`(\w+)`/g).map((code) => [code, Number(status)] as const),
    );
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(Object.entries(problemKinds).map(([code, { status }]) => [code, status])));
  });

  test('calls those problems retryable that the README does', () => {
    const retryable = Object.entries(problemKinds).filter(([, kind]) => 'retryable' in kind).map(([code]) => code);
    const said = Object.entries(problemKinds).filter(([code, { status }]) => [429, 503, 504].includes(status) || code === 'conflict').map(([code]) => code);
    expect(api).toContain('those of 429, 503 and 504, and `conflict`, are retryable');
    expect(retryable).toEqual(said);
  });
});

describe('lifecycles', () => {
  const text = section(readme, 'Lifecycles');

  test.each(['Instance', 'Worker'] as const)('%s: the transitions are those of the table', (kind) => {
    const [, block = ''] = text.split(`\n${kind.toLowerCase()}\n`);
    const lines = block.split(/\n\n|```/)[0]!.split('\n');
    const documented = lines.flatMap((line) => {
      const [, from, targets] = /^ {2}([A-Z]+) +→ ([A-Z]+(?: \| [A-Z]+)*)/.exec(line) ?? [];
      return targets === undefined ? [] : targets.split(' | ').map((to) => `${from} → ${to}`);
    });
    expect(documented.sort()).toEqual(transitionsOf(kind).map(([from, to]) => `${from} → ${to}`).sort());
  });
});

describe('the definition in the README', () => {
  const yaml = found(section(readme, 'Definitions'), /```yaml\n([^]*?)```/g)[0]!;

  test('is one', () => {
    expect(parseDefinition(yaml).name).toBe('web-shop');
  });

  test('has every field', () => {
    const missing = fieldsOf(z.toJSONSchema(definitionDocument, { io: 'input', unrepresentable: 'any' })).filter((field) => !new RegExp(`\\b${field}:`).test(yaml));
    expect(missing).toEqual([]);
  });

  test('means the same without the lines that are marked as defaults', () => {
    const shorter = withoutEmptySections(yaml.split('\n').filter((line) => !/# default(;|$)/.test(line)));
    expect(shorter.length).toBeLessThan(yaml.split('\n').length - 10);
    expect(parseDefinition(shorter.join('\n'))).toEqual(parseDefinition(yaml));
  });
});

/** Names of all properties of a JSON Schema, at whatever depth. */
function fieldsOf(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(fieldsOf);
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {}, ...rest } = schema as { properties?: Record<string, unknown> };
  return [...new Set([...Object.keys(properties), ...Object.values(properties).flatMap(fieldsOf), ...Object.values(rest).flatMap(fieldsOf)])];
}

/** Lines without keys of which everything is gone. */
function withoutEmptySections(lines: readonly string[]): string[] {
  const indent = (line: string | undefined) => line?.search(/\S/) ?? -1;
  const kept = lines.filter((line, at) => !/^ *\w+: *(#.*)?$/.test(line) || indent(lines[at + 1]) > indent(line) || lines[at + 1]?.trimStart().startsWith('- '));
  return kept.length === lines.length ? [...kept] : withoutEmptySections(kept);
}
