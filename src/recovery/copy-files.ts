import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RecoveryError } from './errors';

/** A file of a copy, as it was when it was finished. */
export interface CopiedFile {
  /** Below the directory of the copy. */
  readonly file: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Whether a directory is missing or holds nothing but the named entries. */
export async function isEmptyDirectory(path: string, ignored: readonly string[] = []): Promise<boolean> {
  try {
    return (await readdir(path)).every((name) => ignored.includes(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

/** Writes lines to a new file that is on the disk when this resolves; answers how many. */
export async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  let count = 0;
  async function* ended(): AsyncGenerator<string> {
    for await (const line of lines) {
      count++;
      yield `${line}\n`;
    }
  }
  await pipeline(Readable.from(ended()), createWriteStream(path, { flags: 'wx', flush: true }));
  return count;
}

/** The lines of a file, one after the other. */
export function readLines(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path), crlfDelay: Infinity });
}

/** What a file of the copy is now. */
export async function describeFile(directory: string, file: string): Promise<CopiedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(join(directory, file)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { file, bytes, sha256: hash.digest('hex') };
}

/** Refuses a file that is missing, shorter, longer or of other content than when the copy was finished. */
export async function verifyFile(directory: string, expected: CopiedFile): Promise<void> {
  const found = await describeFile(directory, expected.file).catch((cause: unknown) => {
    throw new RecoveryError('copy_damaged', `${join(directory, expected.file)} cannot be read, and without it the copy is not whole`, cause);
  });
  if (found.bytes === expected.bytes && found.sha256 === expected.sha256) return;
  const difference = found.bytes === expected.bytes ? 'its content has changed' : `it has ${found.bytes} bytes instead of ${expected.bytes}`;
  throw new RecoveryError('copy_damaged', `${join(directory, expected.file)} is not as it was copied: ${difference}`);
}

/** Writes a file so that it is there whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  try {
    const handle = await open(unfinished, 'w');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    // A disk that is full by now must not keep the next copy from this directory.
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes sure that names of files outlive a power cut, as their content does. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
