import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAlive, ownIdentity, parseIdentity } from './process-identity';
import type { ProcessIdentity } from './process-identity';

/** How often a claim is tried again when a dead owner's file disappears under it. */
const claimAttemptsMax = 5;

/**
 * Makes the calling process the owner of `file`, taking it over from an owner that died.
 * Answers nothing on success, and the owner when that one is alive.
 */
export function claimOwnership(file: string): ProcessIdentity | undefined {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(ownIdentity()));
  try {
    for (let attempt = 0; attempt < claimAttemptsMax; attempt++) {
      // A hard link appears whole and only once, so nobody ever reads a half-written owner.
      if (linkIfAbsent(mine, file)) return undefined;
      const owner = readOwner(file);
      if (owner !== undefined && isAlive(owner)) return owner;
      discardDeadOwner(file);
    }
    throw new Error(`${file} changes hands too fast to be claimed`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Gives the file up. */
export function releaseOwnership(file: string): void {
  rmSync(file, { force: true });
}

/** Who owns the file, alive or not. */
export function readOwner(file: string): ProcessIdentity | undefined {
  try {
    return parseIdentity(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Moves the file aside before looking at it: deleting it in place could delete the claim of somebody faster. */
function discardDeadOwner(file: string): void {
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const owner = readOwner(aside);
  if (owner !== undefined && isAlive(owner)) linkIfAbsent(aside, file);
  rmSync(aside, { force: true });
}

function linkIfAbsent(existing: string, path: string): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}
