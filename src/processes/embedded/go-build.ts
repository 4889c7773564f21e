import { execFile, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { PinnedBinary } from './pinned';

/** A server could not be built; the message says what to do. */
export class BuildError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BuildError';
  }
}

/** With which environment to build, and who is told about progress. */
export interface BuildContext {
  env: NodeJS.ProcessEnv;
  report: (line: string) => void;
}

/** How often a person who waits hears something. */
export const progressIntervalMs = 15_000;

const goVersionMin = { major: 1, minor: 26 };
/** As many of the compiler's last lines as a message holds. */
const outputLinesMax = 15;

/** Builds the pinned sources to `output`, telling about progress. */
export async function goBuild(binary: PinnedBinary, output: string, context: BuildContext): Promise<void> {
  const title = titleOf(binary);
  await checkGo(binary, context.env);
  const startedAt = Date.now();
  context.report(`building ${title} with Go (first time on this machine, ${binary.buildTakes})`);
  let packages = 0;
  const progress = setInterval(() => {
    context.report(`building ${title} … ${elapsed(startedAt)}, ${packages} packages`);
  }, progressIntervalMs);
  try {
    await runGo(binary, output, context.env, (lines) => (packages += lines));
  } finally {
    clearInterval(progress);
  }
  context.report(`built ${title} in ${elapsed(startedAt)}`);
}

/** What is built and how; part of the cache's key. */
export function goBuildFlags(binary: PinnedBinary): string[] {
  return ['-mod=readonly', '-buildvcs=false', '-ldflags', binary.linkerFlags];
}

/** The directory of the module that pins the binary's sources. */
export function moduleDirectory(binary: PinnedBinary): string {
  return join(resolve(__dirname, '../../../tools'), binary.module);
}

/** "etcd 3.6.8". */
export function titleOf(binary: PinnedBinary): string {
  return `${binary.name} ${binary.version}`;
}

/** "3 min 52 s". */
export function elapsed(sinceMs: number): string {
  const seconds = Math.round((Date.now() - sinceMs) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

async function runGo(
  binary: PinnedBinary,
  output: string,
  env: NodeJS.ProcessEnv,
  onLines: (count: number) => void,
): Promise<void> {
  const args = ['build', '-v', ...goBuildFlags(binary), '-o', output, binary.goPackage];
  const go = spawn('go', args, {
    cwd: moduleDirectory(binary),
    env: goEnvironment(env),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lastLines: string[] = [];
  go.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = text.split('\n').filter((line) => line !== '');
    onLines(lines.length);
    lastLines.push(...lines);
    lastLines.splice(0, lastLines.length - outputLinesMax);
  });
  const stopWithUs = () => go.kill();
  process.once('exit', stopWithUs);
  try {
    const code = await new Promise<number | null>((settle, fail) => go.once('error', fail).once('close', settle));
    if (code !== 0) {
      const command = ['go', ...args].join(' ');
      throw new BuildError(`building ${titleOf(binary)} failed: \`${command}\` said\n${lastLines.join('\n')}`);
    }
  } finally {
    process.off('exit', stopWithUs);
  }
}

/** Fails early, and with advice, where Go would fail late and without. */
async function checkGo(binary: PinnedBinary, env: NodeJS.ProcessEnv): Promise<void> {
  const refuse = (reason: string, cause?: unknown) =>
    new BuildError(
      `${titleOf(binary)} has to be built once and ${reason}: install Go ${goVersionMin.major}.${goVersionMin.minor} ` +
        `or newer (https://go.dev/dl), or put ${titleOf(binary)} on the PATH, or name its file in ${binary.variable}`,
      cause,
    );
  const options = { cwd: moduleDirectory(binary), env: goEnvironment(env) };
  const { stdout } = await promisify(execFile)('go', ['env', 'GOVERSION'], options).catch((error: unknown) => {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw refuse(missing ? 'Go was not found' : `Go does not run (${String(error)})`, error);
  });
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout.trim()) ?? [];
  // A development version of Go ("devel ...") is taken at its word.
  if (major === undefined || minor === undefined) return;
  const ahead = Number(major) - goVersionMin.major || Number(minor) - goVersionMin.minor;
  if (ahead < 0) throw refuse(`${stdout.trim()} is too old`);
}

/** Pure Go, so that no C compiler is needed; and a cached binary runs whatever the system's C library is. */
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, CGO_ENABLED: '0', GOWORK: 'off' };
}
