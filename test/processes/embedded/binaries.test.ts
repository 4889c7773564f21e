import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BinaryError, findBinary } from '../../../src/processes/embedded/binaries';
import { cachedBinaryPath } from '../../../src/processes/embedded/binary-cache';
import { BuildError } from '../../../src/processes/embedded/go-build';
import { pinnedBinaries } from '../../../src/processes/embedded/pinned';
import { cleanUp, printed, shellScript, temporaryDirectory, typescript } from './support';

afterEach(cleanUp);

const systemPath = '/usr/bin:/bin';
const etcd = pinnedBinaries.etcd;

/** A cache, a PATH directory in front of the system's, and what was reported. */
function place() {
  const root = temporaryDirectory();
  const bin = join(root, 'bin');
  const env: NodeJS.ProcessEnv = { PATH: `${bin}:${systemPath}`, XDG_CACHE_HOME: join(root, 'cache') };
  const lines: string[] = [];
  return { root, bin, env, lines, search: { env, report: (line: string) => lines.push(line) } };
}

/** A `go` that counts its builds in the file `builds`, takes a moment, and writes a program. */
function fakeGo(bin: string, { version = 'go1.26.8', build = '' } = {}): string {
  const builds = join(bin, 'builds');
  shellScript(
    bin,
    'go',
    `if [ "$1" = env ]; then echo ${version}; exit; fi
     echo build >> ${builds}
     ${build}
     while [ "$1" != -o ]; do shift; done
     echo 'some/package' >&2; sleep 1
     printf '#!/bin/sh\\necho built\\n' > "$2"; chmod +x "$2"`,
  );
  return builds;
}

describe('a binary named in the environment', () => {
  test('is used, whatever its version, and its version is said', async () => {
    const { root, env, lines, search } = place();
    env.BERTH_ETCD_BINARY = shellScript(root, 'my-etcd', 'echo "etcd Version: 3.5.0"');
    expect(await findBinary('etcd', search)).toBe(env.BERTH_ETCD_BINARY);
    expect(lines).toEqual(['using etcd 3.5.0 of BERTH_ETCD_BINARY (Berth is tested with 3.6.8)']);
  });

  test.each([
    ['is not there', () => '/no/such/etcd', /BERTH_ETCD_BINARY=\/no\/such\/etcd is not the absolute path/],
    ['is relative', () => 'etcd', /is not the absolute path/],
    ['fails', (root: string) => shellScript(root, 'e', 'exit 1'), /does not run: `.*\/e --version` failed/],
    ['is something else', (root: string) => shellScript(root, 'e', 'echo hello'), /does not say that it is etcd/],
  ])('is refused when it %s', async (_, file, message) => {
    const { root, env, search } = place();
    env.BERTH_ETCD_BINARY = file(root);
    await expect(findBinary('etcd', search)).rejects.toThrow(BinaryError);
    await expect(findBinary('etcd', search)).rejects.toThrow(message);
  });
});

describe('a binary on the PATH', () => {
  test('is used when it is of the pinned series', async () => {
    const { bin, lines, search } = place();
    const path = shellScript(bin, 'temporal', 'echo "temporal version 1.5.9 (Server 1.29.2, UI 2.43.0)"');
    expect(await findBinary('temporal', search)).toBe(path);
    expect(lines).toEqual([`using temporal 1.5.9 found at ${path}`]);
  });

  test('is passed over when it is of another series, and the way to use it is said', async () => {
    const { bin, env, lines, search } = place();
    shellScript(bin, 'etcd', 'echo "etcd Version: 3.4.9"');
    fakeGo(bin);
    expect(await findBinary('etcd', search)).toBe(cachedBinaryPath(etcd, env));
    expect(lines[0]).toMatch(/not using .*\/etcd: version 3.4.9 is not 3.6.x; BERTH_ETCD_BINARY=/);
  });
});

describe('a binary in the cache', () => {
  test('is built once, then found without a word', async () => {
    const { bin, env, lines, search } = place();
    const builds = fakeGo(bin);
    const path = await findBinary('etcd', search);
    expect(path).toBe(cachedBinaryPath(etcd, env));
    expect(lines).toEqual([
      'building etcd 3.6.8 with Go (first time on this machine, about 1 minute)',
      expect.stringMatching(/^built etcd 3.6.8 in \d s$/),
    ]);
    expect(await findBinary('etcd', search)).toBe(path);
    expect(lines).toHaveLength(2);
    expect(readFileSync(builds, 'utf8')).toBe('build\n');
    expect(readdirSync(dirname(path))).toEqual([path.slice(dirname(path).length + 1)]);
  });

  test('is built by one of two processes, and the other waits for it', async () => {
    const { bin, env } = place();
    const builds = fakeGo(bin, { build: 'sleep 2' });
    const both = [1, 2].map(() => typescript('find-binary.fixture.ts', ['etcd'], env));
    const outputs = await Promise.all(both.map((child) => printed(child, 'found')));
    expect(readFileSync(builds, 'utf8')).toBe('build\n');
    expect(outputs.filter((output) => output.includes('building etcd'))).toHaveLength(1);
    expect(outputs.filter((output) => output.includes('which builds etcd 3.6.8'))).toHaveLength(1);
  }, 20_000);

  test('is built anew after a builder that was killed, whose leftovers go', async () => {
    const { bin, env, search } = place();
    // Longer than this test may take: the compiler outlives its killed builder, and must not write before we have looked.
    fakeGo(bin, { build: 'sleep 30' });
    const killed = typescript('find-binary.fixture.ts', ['etcd'], env);
    await printed(killed, 'building etcd');
    killed.kill('SIGKILL');
    // Until it has ended its leftovers are those of a builder at work.
    await once(killed, 'exit');
    const path = cachedBinaryPath(etcd, env);
    writeFileSync(`${path}.building-4000000`, 'half');
    fakeGo(bin);
    expect(await findBinary('etcd', search)).toBe(path);
    expect(readdirSync(dirname(path))).toHaveLength(1);
  }, 20_000);
});

describe('a build that cannot be', () => {
  test('for want of Go says what to do', async () => {
    const { env, search } = place();
    env.PATH = temporaryDirectory();
    await expect(findBinary('etcd', search)).rejects.toThrow(BuildError);
    await expect(findBinary('etcd', search)).rejects.toThrow(
      'etcd 3.6.8 has to be built once and Go was not found: install Go 1.26 or newer (https://go.dev/dl), ' +
        'or put etcd 3.6.8 on the PATH, or name its file in BERTH_ETCD_BINARY',
    );
  });

  test.each([
    ['go1.25.9', true],
    ['go1.9', true],
    ['go1.26rc1', false],
    ['go2.0', false],
    ['devel go1.27-abcdef', false],
  ])('%s: too old is %s', async (version, tooOld) => {
    const { bin, search } = place();
    fakeGo(bin, { version: `"${version}"` });
    const outcome = await findBinary('etcd', search).catch((error: unknown) => error);
    if (tooOld) expect(String(outcome)).toContain(`${version} is too old: install Go 1.26`);
    else expect(outcome).toEqual(expect.stringContaining('etcd-3.6.8'));
  });

  test('because the compiler fails shows its words, and leaves nothing', async () => {
    const { bin, env, search } = place();
    fakeGo(bin, { build: 'echo "dial tcp: no route to the module proxy" >&2; exit 1' });
    const message = /building etcd 3.6.8 failed.*\n.*no route to the module proxy/;
    await expect(findBinary('etcd', search)).rejects.toThrow(message);
    const path = cachedBinaryPath(etcd, env);
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});
