import { waitForTimeoutMsDefault } from '../../domain/limits';
import type { WatchCache } from '../../stores/etcd/watch-cache';
import { ApiProblem } from './problem';

/** What a wait comes to: the phase is there, or it can no longer come, and why. */
export type Verdict = { readonly reached: true } | { readonly impossible: string };

/** Waiting for an object's phase. */
export interface Wait<Entries> {
  readonly collection: 'instances' | 'workers';
  readonly id: string;
  readonly phase: string;
  /** Only what the cache shows from here on counts. */
  readonly revision: number;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal;
  /** For answers that the phase did not come: where the object is that a change made all the same. */
  readonly headers?: Readonly<Record<string, string>>;
  read(): Entries | undefined;
  /** Undefined: it may still come. */
  judge(entries: Entries): Verdict | undefined;
  describe(entries: Entries): { readonly phase: string; readonly message: string; readonly lastFailure?: unknown };
}

/** Waits in memory, on the watch cache alone, so that any number of waiters costs etcd nothing. */
export async function waitForPhase<Entries>(cache: WatchCache, wait: Wait<Entries>): Promise<Entries> {
  const timeoutMs = wait.timeoutMs ?? waitForTimeoutMsDefault;
  const startedAt = Date.now();
  await cache.waitForRevision(wait.revision, timeoutMs);
  const restMs = Math.max(0, timeoutMs - (Date.now() - startedAt));
  const settled = await cache.waitForObject(wait, () => look(cache, wait), restMs, wait.signal);
  if (settled === undefined) throw tooLate(wait, timeoutMs);
  if ('impossible' in settled) throw impossible(wait, settled.impossible);
  return settled.entries;
}

function look<Entries>(cache: WatchCache, wait: Wait<Entries>): { entries: Entries } | { impossible: string } | undefined {
  if (cache.revision < wait.revision) return undefined;
  const entries = wait.read();
  if (entries === undefined) return { impossible: 'it is gone' };
  const verdict = wait.judge(entries);
  if (verdict === undefined) return undefined;
  return 'reached' in verdict ? { entries } : verdict;
}

function tooLate<Entries>(wait: Wait<Entries>, timeoutMs: number): ApiProblem {
  const present = presentOf(wait);
  const detail = `${wait.id} did not come to ${wait.phase} within ${timeoutMs} ms; it is ${present.phase ?? 'not visible yet'}`;
  return new ApiProblem('wait_timeout', detail, { members: { ...present }, headers: wait.headers ?? {} });
}

function impossible<Entries>(wait: Wait<Entries>, reason: string): ApiProblem {
  const detail = `${wait.id} can no longer come to ${wait.phase}: ${reason}`;
  return new ApiProblem('wait_impossible', detail, { members: { ...presentOf(wait), reason }, headers: wait.headers ?? {} });
}

/** Where the object stands, so that a client need not ask for what it waited for in vain. */
function presentOf<Entries>(wait: Wait<Entries>): { id: string; phase?: string; message?: string; lastFailure?: unknown } {
  const entries = wait.read();
  return { id: wait.id, ...(entries !== undefined && wait.describe(entries)) };
}
