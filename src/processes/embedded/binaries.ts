import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { buildIntoCache, cachedBinaryPath } from './binary-cache';
import { pinnedBinaries } from './pinned';
import type { BinaryName, PinnedBinary } from './pinned';

/** A binary that was named in the environment cannot be used. */
export class BinaryError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'BinaryError';
  }
}

/** Where binaries are looked for and built; the default is the process's own environment. */
export interface BinarySearch {
  env?: NodeJS.ProcessEnv;
  report: (line: string) => void;
}

/** How long a binary may take to print its version. */
const versionTimeoutMs = 20_000;

/** Finds a server's binary: named by its variable, else fitting on the PATH, else in the user's cache, else built. */
export async function findBinary(name: BinaryName, search: BinarySearch): Promise<string> {
  const binary = pinnedBinaries[name];
  const env = search.env ?? process.env;
  const named = env[binary.variable];
  if (named) return checkNamed(binary, named, search.report);
  const cached = cachedBinaryPath(binary, env);
  const onPath = await findOnPath(binary, env, isExecutable(cached) ? () => undefined : search.report);
  if (onPath !== undefined) return onPath;
  if (!isExecutable(cached)) await buildIntoCache(binary, cached, { env, report: search.report });
  return cached;
}

/** What the binary says its version is. */
export async function versionOf(binary: PinnedBinary, path: string): Promise<string | undefined> {
  const { stdout, stderr } = await promisify(execFile)(path, [...binary.versionArguments], {
    timeout: versionTimeoutMs,
  });
  return binary.versionPattern.exec(`${stdout}\n${stderr}`)?.[1];
}

async function checkNamed(binary: PinnedBinary, path: string, report: (line: string) => void): Promise<string> {
  if (!isAbsolute(path) || !isExecutable(path)) {
    throw new BinaryError(`${binary.variable}=${path} is not the absolute path of an executable file`);
  }
  const version = await versionOf(binary, path).catch((error: unknown) => {
    const command = [path, ...binary.versionArguments].join(' ');
    throw new BinaryError(`${binary.variable}=${path} does not run: \`${command}\` failed`, error);
  });
  if (version === undefined) throw new BinaryError(`${binary.variable}=${path} does not say that it is ${binary.name}`);
  const remark = version === binary.version ? '' : ` (Berth is tested with ${binary.version})`;
  report(`using ${binary.name} ${version} of ${binary.variable}${remark}`);
  return path;
}

async function findOnPath(
  binary: PinnedBinary,
  env: NodeJS.ProcessEnv,
  report: (line: string) => void,
): Promise<string | undefined> {
  const path = (env.PATH ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((directory) => join(directory, binary.name))
    .find(isExecutable);
  if (path === undefined) return undefined;
  const version = await versionOf(binary, path).catch(() => undefined);
  if (version !== undefined && series(version) === series(binary.version)) {
    report(`using ${binary.name} ${version} found at ${path}`);
    return path;
  }
  report(
    `not using ${path}: version ${version ?? 'unknown'} is not ${series(binary.version)}.x; ` +
      `${binary.variable}=${path} takes it all the same`,
  );
  return undefined;
}

/** Major and minor: within them a server keeps its interface. */
function series(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
