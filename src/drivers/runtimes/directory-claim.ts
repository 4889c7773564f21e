import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identify, isAlive, type ProcessIdentity } from './process-table';
import { errorCode } from './error-code';

/** The process that serves an agent's directory, and which configuration it serves. */
export interface DirectoryClaim extends ProcessIdentity {
  /** SHA-256 of the text of the configuration file that it has read. */
  readonly configHash: string;
}

/** The claim on a directory, undefined if its holder is dead or there is none. */
export function readClaim(directory: string): DirectoryClaim | undefined {
  try {
    const claim = JSON.parse(readFileSync(claimFile(directory), 'utf8')) as DirectoryClaim;
    return isAlive(claim) ? claim : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes this process the only one that serves a directory, or throws: two agents with one plan on disk would start
 * everything twice. Returns what gives the claim back; a claim whose holder has died counts for nothing.
 * Does not make the directory's parents: an agent that comes up while its place is being removed must not bring it back.
 */
export function claimDirectory(directory: string, configHash: string): () => void {
  if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
  const claim = { ...identify(process.pid), configHash };
  const prepared = `${claimFile(directory)}.${process.pid}`;
  writeFileSync(prepared, JSON.stringify(claim));
  try {
    linkOverDead(directory, prepared);
  } finally {
    rmSync(prepared, { force: true });
  }
  return () => rmSync(claimFile(directory), { force: true });
}

/** A link appears whole or not at all, and not over another's. */
function linkOverDead(directory: string, prepared: string): void {
  try {
    linkSync(prepared, claimFile(directory));
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const holder = readClaim(directory);
    if (holder) throw new Error(`${directory} is served by process ${holder.pid}`, { cause: error });
    unlinkSync(claimFile(directory));
    linkSync(prepared, claimFile(directory));
  }
}

function claimFile(directory: string): string {
  return path.join(directory, 'agent.json');
}
