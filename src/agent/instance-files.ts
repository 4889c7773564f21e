import { constants } from 'node:fs';
import { lstat, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { reservedDirectory } from '../drivers/runtimes/host-directory';
import { RuntimeFailure } from '../drivers/runtimes/runtime';
import { errorCode } from '../drivers/runtimes/error-code';

/**
 * Makes an instance's directory and writes a workload's files into it; what else is there stays. Nothing is written
 * outside, wherever the paths point and whatever links an earlier attempt has left in the directory.
 */
export async function writeInstanceFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  const targets = Object.entries(files).map(([file, text]) => ({ file, segments: segmentsOf(file), text }));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const { file, segments, text } of targets) {
    await makeDirectories(directory, segments.slice(0, -1), file);
    await writeWithoutFollowing(path.join(directory, ...segments), text, file);
  }
}

/** Removes an instance's directory and everything in it. Links in it are removed, not followed. */
export function removeInstanceFiles(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

function segmentsOf(file: string): readonly string[] {
  const segments = file.split('/').filter((segment) => segment !== '' && segment !== '.');
  const isInside = segments.length > 0 && !file.startsWith('/') && !file.endsWith('/') && !/[\\\0]/.test(file);
  if (!isInside || segments.includes('..')) throw unsafe(file, 'it must be relative and stay in the directory');
  if (segments[0] === reservedDirectory) throw unsafe(file, `"${reservedDirectory}" is reserved`);
  return segments;
}

/** One by one, since a recursive mkdir would walk through links. */
async function makeDirectories(root: string, segments: readonly string[], file: string): Promise<void> {
  let directory = root;
  for (const segment of segments) {
    directory = path.join(directory, segment);
    await mkdir(directory, { mode: 0o700 }).catch(ignoreExisting);
    if (!(await lstat(directory)).isDirectory()) throw unsafe(file, `"${segment}" is not a directory`);
  }
}

async function writeWithoutFollowing(target: string, text: string, file: string): Promise<void> {
  // Non-blocking, since opening a pipe that nobody reads would wait for ever.
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(target, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0o600).catch((error: unknown) => {
    if (['ELOOP', 'EISDIR', 'ENXIO'].includes(errorCode(error) ?? '')) throw unsafe(file, 'something else has its name', error);
    throw error;
  });
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}

function unsafe(file: string, why: string, cause?: unknown): RuntimeFailure {
  return new RuntimeFailure('configuration', 'UnsafePath', `file ${JSON.stringify(file)}: ${why}`, { cause });
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== 'EEXIST') throw error;
}
