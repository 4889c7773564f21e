import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { claimOwnership, releaseOwnership } from './owner-file';
import type { PinnedBinary } from './pinned';

/** A server could not be built; the message says what to do. */
export class BuildError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BuildError';
  }
}

interface BuildContext {
  env: NodeJS.ProcessEnv;
  report: (line: string) => void;
}

const goVersionMin = { major: 1, minor: 26 };
const progressIntervalMs = 15_000;
const lockPollMs = 500;
/** As many of the compiler's last lines as a message holds. */
const outputLinesMax = 15;

const toolsDirectory = resolve(__dirname, '../../../tools');

/** Where the user's cache keeps the build of exactly these pinned sources, for every clone. */
export function cachedBinaryPath(binary: PinnedBinary, env: NodeJS.ProcessEnv): string {
  const cache = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  const file = [binary.name, binary.version, sourceHash(binary), process.platform, process.arch].join('-');
  return join(cache, 'berth', 'servers', file);
}

/** Builds a binary into the cache; of several processes that want the same one, one builds and the others wait. */
export async function buildIntoCache(binary: PinnedBinary, path: string, context: BuildContext): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const lock = `${path}.lock`;
  const startedAt = Date.now();
  let nextLineAt = startedAt;
  for (let owner = claimOwnership(lock); owner !== undefined; owner = claimOwnership(lock)) {
    if (Date.now() >= nextLineAt) {
      context.report(`waiting for process ${owner.pid}, which builds ${title(binary)} … ${elapsed(startedAt)}`);
      nextLineAt += progressIntervalMs;
    }
    await sleep(lockPollMs);
  }
  try {
    if (!existsSync(path)) await build(binary, path, context);
  } finally {
    releaseOwnership(lock);
  }
}

async function build(binary: PinnedBinary, path: string, context: BuildContext): Promise<void> {
  await checkGo(binary, context.env);
  removeUnfinished(path);
  const unfinished = `${path}.building-${process.pid}`;
  const startedAt = Date.now();
  context.report(`building ${title(binary)} with Go (first time on this machine, ${binary.buildTakes})`);
  try {
    await goBuild(binary, unfinished, context, startedAt);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
  context.report(`built ${title(binary)} in ${elapsed(startedAt)}`);
}

async function goBuild(binary: PinnedBinary, output: string, context: BuildContext, startedAt: number): Promise<void> {
  const args = ['build', '-v', ...goBuildFlags(binary), '-o', output, binary.goPackage];
  const go = spawn('go', args, {
    cwd: join(toolsDirectory, binary.module),
    env: goEnvironment(context.env),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lastLines: string[] = [];
  let lines = 0;
  go.stderr.setEncoding('utf8').on('data', (text: string) => {
    const read = text.split('\n').filter((line) => line !== '');
    lines += read.length;
    lastLines.push(...read);
    lastLines.splice(0, lastLines.length - outputLinesMax);
  });
  const progress = setInterval(() => {
    context.report(`building ${title(binary)} … ${elapsed(startedAt)}, ${lines} packages`);
  }, progressIntervalMs);
  const stopWithUs = () => go.kill();
  process.once('exit', stopWithUs);
  try {
    const code = await new Promise<number | null>((settle, fail) => go.once('error', fail).once('close', settle));
    if (code !== 0) {
      throw new BuildError(`building ${title(binary)} failed: \`go ${args.join(' ')}\` said\n${lastLines.join('\n')}`);
    }
  } finally {
    process.off('exit', stopWithUs);
    clearInterval(progress);
  }
}

/** Pure Go, so that no C compiler is needed; and a cached binary runs whatever the system's C library is. */
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, CGO_ENABLED: '0', GOWORK: 'off' };
}

function goBuildFlags(binary: PinnedBinary): string[] {
  return ['-mod=readonly', '-buildvcs=false', '-ldflags', binary.linkerFlags];
}

async function checkGo(binary: PinnedBinary, env: NodeJS.ProcessEnv): Promise<void> {
  const need = `Go ${goVersionMin.major}.${goVersionMin.minor} or newer`;
  const advice = `install ${need} (https://go.dev/dl), or put ${binary.name} ${binary.version} on the PATH, or name one in ${binary.variable}`;
  const options = { cwd: join(toolsDirectory, binary.module), env: goEnvironment(env) };
  const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION'], options).catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'Go was not found' : `Go does not run: ${String(error)}`;
    throw new BuildError(`${title(binary)} has to be built once and ${reason}: ${advice}`, error);
  });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout.trim()) ?? [];
  // A development version of Go ("devel ...") is taken at its word.
  if (major === undefined || minor === undefined) return;
  const behind = Number(major) - goVersionMin.major || Number(minor) - goVersionMin.minor;
  if (behind < 0) throw new BuildError(`${title(binary)} has to be built once and ${stdout.trim()} is too old: ${advice}`);
}

/** Whoever holds the lock is the only builder, so other unfinished files are those of dead ones. */
function removeUnfinished(path: string): void {
  readdirSync(dirname(path))
    .filter((file) => file.startsWith(`${basename(path)}.building-`))
    .forEach((file) => rmSync(join(dirname(path), file), { force: true }));
}

/** Changes with everything that the build is made from. */
function sourceHash(binary: PinnedBinary): string {
  const module = join(toolsDirectory, binary.module);
  const hash = createHash('sha256').update([binary.goPackage, ...goBuildFlags(binary)].join(' '));
  for (const file of readdirSync(module).filter((name) => /\.(go|mod|sum)$/.test(name)).sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(module, file)));
  }
  return hash.digest('hex').slice(0, 12);
}

function title(binary: PinnedBinary): string {
  return `${binary.name} ${binary.version}`;
}

function elapsed(sinceMs: number): string {
  const seconds = Math.round((Date.now() - sinceMs) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
