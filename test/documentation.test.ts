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
  const variables = found(read('src/processes/environment.ts'), /'(BERTH_\w+)'/g);
  const rows = new Map([...readme.matchAll(/^\| `(BERTH_\w+)` \| (.*?) \|/gm)].map((row) => [row[1]!, row[2]!]));

  test('are all in the README, and no others', () => {
    expect(variables.length).toBeGreaterThan(10);
    expect([...rows.keys()].sort()).toEqual([...variables].sort());
    const ofTests = ['src/failpoints.ts', 'test/faults/harness/budget.ts', 'bench/stream.ts'].flatMap((file) => found(read(file), /process\.env\['(BERTH_\w+)'\]/g));
    const known = [...variables, ...ofTests, ...instancePlaceholders, ...Object.values(pinnedBinaries).map(({ variable }) => variable)];
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

  test('has the routes of the table, and no others in public', () => {
    const documented = [...api.matchAll(/^\| `([A-Z]+)` \| `([^`]+)` \|/gm)].map(([, method, path]) => `${method} ${path}`);
    expect(documented.sort()).toEqual(publicRoutes().sort());
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

/** Methods and paths by the decorators of the controllers, without what only agents use. */
function publicRoutes(): string[] {
  const sources = readdirSync(join(root, 'src/api'), { recursive: true, encoding: 'utf8' }).map((file) => join('src/api', file));
  const controllers = sources.filter((file) => file.endsWith('.ts')).map(read).filter((text) => text.includes('@Controller('));
  const routes = controllers.flatMap((text) => {
    const [base = '', ...others] = [...text.matchAll(/@Controller\((?:['`]([^'`]*)['`])?\)/g)].map((match) => match[1] ?? '');
    if (others.length > 0) throw new Error('the scan knows one controller a file');
    // A controller that is made for several kinds names their paths in a list beside it.
    const bases = base.includes('${path}') ? [...text.matchAll(/\bpath: '([^']*)'/g)].map(([, path]) => base.replace('${path}', path!)) : [base];
    const decorated = [...text.matchAll(/@(Get|Post|Put|Patch|Delete)\((?:'([^']*)')?\)/g)];
    return bases.flatMap((of) =>
      decorated.map(([, method, path]) => {
        const segments = [of, path].filter((part) => part !== undefined && part !== '').join('/');
        return `${method!.toUpperCase()} /${segments.replace(/:(\w+)/g, '{$1}')}`;
      }),
    );
  });
  return routes.filter((route) => !route.includes(' /api/internal/'));
}

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
