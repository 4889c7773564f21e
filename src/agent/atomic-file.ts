import { open, rename } from 'node:fs/promises';
import path from 'node:path';

/**
 * Replaces a file so that a reader, or whoever comes after a crash, finds the former or the new text, never a part.
 * `durable`: also after a power cut the new one, once this has resolved.
 */
export async function writeFileAtomically(file: string, text: string, { durable }: { readonly durable: boolean }): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  if (durable) await syncDirectory(path.dirname(file));
}

/** The new name is the directory's content. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
