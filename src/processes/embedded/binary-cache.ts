import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { elapsed, goBuild, goBuildFlags, moduleDirectory, progressIntervalMs, titleOf } from './go-build';
import type { BuildContext } from './go-build';
import { claimOwnership, releaseOwnership } from './owner-file';
import type { PinnedBinary } from './pinned';

const lockPollMs = 500;

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
  await waitForLock(lock, titleOf(binary), context);
  try {
    if (!existsSync(path)) await buildAndRename(binary, path, context);
  } finally {
    releaseOwnership(lock);
  }
}

async function waitForLock(lock: string, title: string, context: BuildContext): Promise<void> {
  const startedAt = Date.now();
  let nextLineAt = startedAt;
  for (let owner = claimOwnership(lock); owner !== undefined; owner = claimOwnership(lock)) {
    if (Date.now() >= nextLineAt) {
      context.report(`waiting for process ${owner.pid}, which builds ${title} … ${elapsed(startedAt)}`);
      nextLineAt += progressIntervalMs;
    }
    await sleep(lockPollMs);
  }
}

/** A binary appears in the cache whole or not at all. */
async function buildAndRename(binary: PinnedBinary, path: string, context: BuildContext): Promise<void> {
  removeUnfinished(path);
  const unfinished = `${path}.building-${process.pid}`;
  try {
    await goBuild(binary, unfinished, context);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Whoever holds the lock is the only builder, so other unfinished files are those of dead ones. */
function removeUnfinished(path: string): void {
  readdirSync(dirname(path))
    .filter((file) => file.startsWith(`${basename(path)}.building-`))
    .forEach((file) => rmSync(join(dirname(path), file), { force: true }));
}

/** Changes with everything that the build is made from. */
function sourceHash(binary: PinnedBinary): string {
  const module = moduleDirectory(binary);
  const hash = createHash('sha256').update([binary.goPackage, ...goBuildFlags(binary)].join(' '));
  for (const file of readdirSync(module).filter((name) => /\.(go|mod|sum)$/.test(name)).sort()) {
    hash.update(`\0${file}\0`).update(readFileSync(join(module, file)));
  }
  return hash.digest('hex').slice(0, 12);
}
