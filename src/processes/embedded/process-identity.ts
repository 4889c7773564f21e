import { identify, isAlive } from '../../drivers/runtimes/process-table';
import type { ProcessIdentity } from '../../drivers/runtimes/process-table';

export { isAlive };
export type { ProcessIdentity };

/** The process that runs under this pid now; a zombie is none: it does nothing any more. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const identity = identify(pid);
  return identity !== undefined && isAlive(identity) ? identity : undefined;
}

/** The calling process. */
export function ownIdentity(): ProcessIdentity {
  const identity = identityOf(process.pid);
  if (identity === undefined) throw new Error('the host does not show when this process started');
  return identity;
}

/** Reads an identity from JSON text; what is not one (half-written, foreign) is nothing. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(text) as Partial<ProcessIdentity> | null;
    return typeof value?.pid === 'number' && value.pid > 1 && typeof value.startTime === 'string'
      ? { pid: value.pid, startTime: value.startTime }
      : undefined;
  } catch {
    return undefined;
  }
}
