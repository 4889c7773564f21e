import { leaderLeaseTtlMs } from '../../domain/limits';
import { pause } from '../../pause';
import type { Leases } from './lease';

/** Somebody else has held a lock for longer than anybody waits. */
export class LockBusyError extends Error {
  constructor(key: string, waitedMs: number) {
    super(`somebody else has held ${key} for ${waitedMs} ms`);
    this.name = 'LockBusyError';
  }
}

export interface LockOptions {
  readonly key: string;
  /** Shown to people who look for who holds it. */
  readonly holder: string;
  /** How long it is waited for. */
  readonly waitMs: number;
  readonly leaseTtlMs?: number;
}

const tryIntervalMs = 200;

/**
 * Runs some work while nobody else holds the key, and gives it back. The key has a lease, so it does not outlive a process
 * that dies; `lost` is aborted when the lease could not be renewed, and somebody else may hold the key.
 */
export async function withLock<T>(leases: Leases, options: LockOptions, work: (lost: AbortSignal) => Promise<T>): Promise<T> {
  const ttlMs = options.leaseTtlMs ?? leaderLeaseTtlMs;
  const leaseId = await leases.grant(ttlMs);
  const over = new AbortController();
  const lost = new AbortController();
  const renewing = renewUntil(over.signal, leases, leaseId, ttlMs).catch((cause: unknown) => lost.abort(cause));
  try {
    await take(leases, leaseId, options, lost.signal);
    return await work(lost.signal);
  } finally {
    over.abort();
    await renewing;
    await leases.revoke(leaseId).catch(() => undefined); // It runs out by itself.
  }
}

async function take(leases: Leases, leaseId: string, { key, holder, waitMs }: LockOptions, lost: AbortSignal): Promise<void> {
  const startedAtMs = performance.now();
  const value = { schemaVersion: 1, holder, since: new Date().toISOString() };
  while ((await leases.put(key, value, leaseId, true)) === undefined) {
    if (performance.now() - startedAtMs > waitMs) throw new LockBusyError(key, waitMs);
    await pause(tryIntervalMs, lost);
    lost.throwIfAborted();
  }
}

/** Throws when the lease is gone, and when it has not been renewed for so long that it may be before the next try. */
async function renewUntil(over: AbortSignal, leases: Leases, leaseId: string, ttlMs: number): Promise<void> {
  const intervalMs = ttlMs / 4;
  let renewedAtMs = performance.now();
  for (;;) {
    await pause(intervalMs, over);
    if (over.aborted) return;
    const askedAtMs = performance.now();
    const alive = await leases.renew(leaseId, intervalMs).catch(() => undefined);
    if (alive === true) renewedAtMs = askedAtMs;
    if (alive === false || performance.now() - renewedAtMs > ttlMs - intervalMs) throw new Error(`lease ${leaseId} is lost`);
  }
}
