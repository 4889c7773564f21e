import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A change of one compiled file, named from `dist/`. `find` must be there exactly once. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A program that differs from the one under test in a few places. */
export interface TestBuild {
  /** Holds `api.js`, `control.js`, `agent.js`. */
  readonly entriesDirectory: string;
  remove(): void;
}

/** A patch found nothing to change, or more than it was made for: the program has changed under it. */
export class PatchError extends Error {
  constructor({ file, find }: Patch, occurrences: number) {
    super(`the patch of ${file} no longer applies: it is there ${occurrences} times instead of once: ${find}`);
    this.name = 'PatchError';
  }
}

const root = join(__dirname, '..', '..', '..');

/**
 * Copies the compiled program into a directory of its own and patches it there: a newer version of it, or one with a
 * fault. The workflow bundle stays as it is, so runs of both replay each other's histories. Throws PatchError.
 */
export function makeTestBuild({ directory, patches }: { readonly directory: string; readonly patches: readonly Patch[] }): TestBuild {
  const remove = () => rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  try {
    cpSync(join(root, 'dist'), join(directory, 'dist'), { recursive: true, filter: (file) => !file.endsWith('.map') });
    // Beside it, as in the tree: where compiled files look for packages and for the program's version.
    for (const name of ['node_modules', 'package.json']) symlinkSync(join(root, name), join(directory, name));
    for (const patch of patches) apply(patch, join(directory, 'dist', patch.file));
  } catch (error) {
    remove();
    throw error;
  }
  return { entriesDirectory: join(directory, 'dist', 'processes'), remove };
}

function apply(patch: Patch, path: string): void {
  const parts = readFileSync(path, 'utf8').split(patch.find);
  if (parts.length !== 2) throw new PatchError(patch, parts.length - 1);
  writeFileSync(path, parts.join(patch.replace));
}
