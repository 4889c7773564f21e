import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const source = resolve(__dirname, '../src');

/** Which folders of src/ a folder may import besides itself. `type` arrows are for types alone. */
const allowed: Readonly<Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>> = {
  domain: { values: [] },
  workflows: { values: ['domain'], types: ['activities'] },
  activities: { values: ['domain', 'stores', 'drivers'] },
  leaders: { values: ['domain', 'stores', 'activities'] },
  engine: { values: ['domain', 'stores', 'workflows'], types: ['activities'] },
  stores: { values: ['domain'] },
  recovery: { values: ['domain', 'stores'] },
  drivers: { values: ['domain'] },
  client: { values: ['domain'] },
  agent: { values: ['domain', 'drivers', 'client'] },
  api: { values: ['domain', 'stores'] },
  cli: { values: ['domain', 'client', 'recovery', 'processes'] },
  processes: { values: ['domain', 'stores', 'drivers', 'agent', 'api', 'client', 'activities', 'leaders', 'engine', 'workflows', 'recovery'] },
};

/** Packages that only one folder may know; processes wire and may know all. */
const packageHomes: ReadonlyArray<{ readonly package: RegExp; readonly homes: readonly string[] }> = [
  { package: /^etcd3$/, homes: ['stores/etcd'] },
  { package: /^@grpc\/grpc-js$/, homes: ['stores/etcd'] },
  { package: /^cockatiel$/, homes: ['stores/etcd', 'breaker.ts'] },
  { package: /^prom-client$/, homes: ['processes'] },
  { package: /^mongodb$/, homes: ['stores/mongo'] },
  { package: /^zod$/, homes: ['api'] },
  { package: /^@nestjs\//, homes: ['api'] },
  { package: /^commander$/, homes: ['cli'] },
  { package: /^@temporalio\/workflow$/, homes: ['workflows'] },
  { package: /^@temporalio\/activity$/, homes: ['activities'] },
  { package: /^@temporalio\/(client|worker|proto)$/, homes: ['engine', 'processes'] },
];

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function everyImport(): Import[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8');
    const matches = text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|require(?:\.resolve)?\('([^']+)'\)/gm);
    return [...matches].map((match) => ({ file, target: match[2] ?? match[3]!, typeOnly: match[1] !== undefined }));
  });
}

function folderOf(path: string): string {
  return path.split('/')[0]!;
}

const imports = everyImport();

test('the scan sees the imports', () => {
  expect(imports.length).toBeGreaterThan(200);
});

test('arrows between folders point one way', () => {
  const wrong = imports.flatMap(({ file, target, typeOnly }) => {
    if (!target.startsWith('.')) return [];
    const from = folderOf(file);
    const to = folderOf(relative(source, resolve(source, dirname(file), target)));
    const rule = allowed[from];
    // A file directly under src/ belongs to everybody, like a package.
    if (from === to || to.startsWith('..') || allowed[to] === undefined) return [];
    if (rule === undefined || rule.values.includes(to) || (typeOnly && rule.types?.includes(to))) return [];
    return [`${file} imports ${target}${typeOnly ? ' (types)' : ''}: ${from} must not know ${to}`];
  });
  expect(wrong).toEqual([]);
});

test('each outside library is known in one place', () => {
  const wrong = imports.flatMap(({ file, target }) => {
    const rule = packageHomes.find((home) => home.package.test(target));
    if (!rule || rule.homes.some((home) => file === home || file.startsWith(`${home}/`))) return [];
    return [`${file} imports ${target}, which only ${rule.homes.join(', ')} may`];
  });
  expect(wrong).toEqual([]);
});

test('domain is pure: no clock, no randomness, no input or output', () => {
  const files = readdirSync(join(source, 'domain'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const code = (file: string) => readFileSync(join(source, 'domain', file), 'utf8').replace(/\/\*[^]*?\*\/|\/\/.*/g, '');
  const impure = files.filter((file) => /Date\.now\(|new Date\(\)|Math\.random|\bprocess\.|from 'node:/.test(code(file)));
  expect(impure).toEqual([]);
});

test('the workflow bundle holds no library that lifecycles have no business with', async () => {
  const { code } = await bundleWorkflowCode({ workflowsPath: join(source, 'workflows'), logger: undefined });
  const modules = [...code.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)/g)].map((match) => match[1]!);
  const forbidden = modules.filter((name) => /^(zod|etcd3|mongodb|@nestjs\/.*|express|pino|yaml)$/.test(name));
  expect([...new Set(forbidden)]).toEqual([]);
}, 60_000);
