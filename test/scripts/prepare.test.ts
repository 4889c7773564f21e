import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

const script = resolve(__dirname, '../../scripts/prepare.cjs');
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'berth-prepare-test-'));
  mkdirSync(join(clone, 'scripts'));
  cpSync(script, join(clone, 'scripts', 'prepare.cjs'));
  write('src/main.ts', '');
  write('src/deep/part.ts', '');
  write('tsconfig.json', '{}');
  write('tsconfig.build.json', '{}');
  lockPackages({ typescript: '1.0.0' });
  // The stand-ins note that they ran; npm installs what is locked, the compiler leaves the bundler.
  executable(
    'bin/npm',
    `echo "npm $*" >> calls; sleep 0.5
    if [ -e npm-fails ]; then echo "no route to the registry" >&2; exit 1; fi
    mkdir -p node_modules/typescript/bin
    cp package-lock.json node_modules/.package-lock.json; cp tsc.cjs node_modules/typescript/bin/tsc`,
  );
  write(
    'tsc.cjs',
    `const fs = require('node:fs');
    fs.appendFileSync('calls', 'tsc ' + process.argv.slice(2).join(' ') + '\\n');
    if (fs.existsSync('tsc-fails')) process.exit(2);
    fs.mkdirSync('dist/processes', { recursive: true });
    fs.writeFileSync('dist/processes/build-workflow-bundle.js',
      'require("fs").appendFileSync("calls", "bundle\\\\n")');`,
  );
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

function write(file: string, content: string): void {
  mkdirSync(dirname(join(clone, file)), { recursive: true });
  writeFileSync(join(clone, file), content);
}

function executable(file: string, body: string): void {
  write(file, `#!/bin/sh\n${body}\n`);
  chmodSync(join(clone, file), 0o755);
}

function lockPackages(versions: Record<string, string>): void {
  const locked = Object.entries(versions).map(([name, version]) => [`node_modules/${name}`, { version }] as const);
  const packages = {
    '': { name: 'berth' },
    ...Object.fromEntries(locked),
    'node_modules/for-another-platform': { version: '1.0.0', optional: true },
  };
  write('package-lock.json', JSON.stringify({ packages }));
}

async function prepare(): Promise<{ code: number | null; said: string }> {
  const env = { ...process.env, PATH: `${join(clone, 'bin')}:${process.env.PATH}` };
  const command = [join(clone, 'scripts', 'prepare.cjs')];
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<number | null>((end) => child.once('exit', end));
  const [said, code] = await Promise.all([text(child.stderr), ended]);
  return { code, said };
}

/** What ran since the last look. */
function calls(): string[] {
  const file = join(clone, 'calls');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  rmSync(file, { force: true });
  return lines.map((line) => line.split(' ').slice(0, 2).join(' '));
}

test('a fresh clone is installed and compiled, and then left alone', async () => {
  const first = await prepare();
  expect(first.code).toBe(0);
  expect(first.said).toContain('installing npm packages');
  expect(calls()).toEqual(['npm install', 'tsc -p', 'bundle']);
  expect(await prepare()).toEqual({ code: 0, said: '' });
  expect(calls()).toEqual([]);
});

test('other locked versions are installed, a new date of the lockfile is nothing', async () => {
  await prepare();
  calls();
  lockPackages({ typescript: '1.0.0' });
  await prepare();
  expect(calls()).not.toContain('npm install');
  lockPackages({ typescript: '1.0.1' });
  await prepare();
  expect(calls()).toContain('npm install');
  lockPackages({ typescript: '1.0.1', another: '1.0.0' });
  await prepare();
  expect(calls()).toContain('npm install');
});

test('a changed source is compiled; a deleted one takes the old output along', async () => {
  await prepare();
  calls();
  write('src/deep/part.ts', 'changed');
  write('dist/stale.js', '');
  await prepare();
  expect(calls()).toEqual(['tsc -p', 'bundle']);
  expect(existsSync(join(clone, 'dist/stale.js'))).toBe(true);
  rmSync(join(clone, 'src/deep/part.ts'));
  await prepare();
  expect(calls()).toEqual(['tsc -p', 'bundle']);
  expect(existsSync(join(clone, 'dist/stale.js'))).toBe(false);
  expect(existsSync(join(clone, 'dist/processes/build-workflow-bundle.js'))).toBe(true);
});

test('what fails is said, and tried again the next time', async () => {
  write('npm-fails', '');
  const failed = await prepare();
  expect(failed.code).toBe(1);
  expect(failed.said).toContain('no route to the registry');
  expect(failed.said).toMatch(/installing npm packages failed: `npm install .*` ended with code 1/);
  rmSync(join(clone, 'npm-fails'));
  write('tsc-fails', '');
  expect((await prepare()).said).toContain('compiling failed');
  calls();
  rmSync(join(clone, 'tsc-fails'));
  expect((await prepare()).code).toBe(0);
  expect(calls()).toEqual(['tsc -p', 'bundle']);
});

test('of two at once one prepares and the other waits; a dead one’s lock holds nobody up', async () => {
  write('.berth/prepare.lock', '4000000');
  const both = await Promise.all([prepare(), prepare()]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(calls()).toEqual(['npm install', 'tsc -p', 'bundle']);
  expect(both.filter(({ said }) => said.includes('which prepares this clone'))).toHaveLength(1);
  expect(existsSync(join(clone, '.berth/prepare.lock'))).toBe(false);
});

test.each([
  ['18.20.0', false],
  ['20.18.3', false],
  ['20.19.0', true],
  ['21.7.0', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['24.0.0', true],
])('Node %s fits: %s', (version, fits) => {
  const { checkNode } = jest.requireActual<{ checkNode: (version: string) => void }>('../../scripts/prepare.cjs');
  if (fits) expect(() => checkNode(version)).not.toThrow();
  else expect(() => checkNode(version)).toThrow(`Node ${version} is too old: Berth needs Node 20.19 or newer`);
});
