import { apiLeaseRenewIntervalMs, apiLeaseTtlMs } from '../../domain/limits';
import { pause } from '../../pause';
import { keys } from './keys';
import type { Leases } from './lease';
import { withLock } from './lock';
import type { WatchCache } from './watch-cache';

export interface PresenceOptions {
  /** Of this process, and of no other. */
  readonly id: string;
  /** Shown to people who look who is there. */
  readonly holder: string;
  readonly onProblem: (problem: string, cause: unknown) => void;
  readonly leaseTtlMs?: number;
}

/**
 * Says that an api process is there, so that each knows by how many all limits are shared: a key on a lease, which is
 * gone soon after its process. It is a lock that nobody else wants, taken anew whenever it was lost.
 */
export class ApiPresence {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly leases: Leases,
    private readonly cache: WatchCache,
    private readonly options: PresenceOptions,
  ) {}

  /** Resolves when the others can know, or when it is known that they cannot yet: nobody is kept from serving by that. */
  start(): Promise<void> {
    return new Promise((tried) => {
      this.running = this.stay(tried);
    });
  }

  /** Takes the key away, so that the others need not wait for its lease to run out. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** How many api processes share the limits; one that knows of nobody is alone. */
  get count(): number {
    return Math.max(1, this.cache.ids(apisCollection).length);
  }

  private async stay(tried: () => void): Promise<void> {
    const { signal } = this.stopping;
    const { id, holder, onProblem, leaseTtlMs = apiLeaseTtlMs } = this.options;
    while (!signal.aborted) {
      try {
        await withLock(this.leases, { key: keys.api(id), holder, waitMs: leaseTtlMs, leaseTtlMs }, async (lost) => {
          tried();
          await ended(AbortSignal.any([lost, signal]));
        });
      } catch (cause) {
        if (!signal.aborted) onProblem('the other api processes do not know that this one is there', cause);
      }
      tried();
      await pause(apiLeaseRenewIntervalMs, signal);
    }
  }
}

const apisCollection = keys.apisPrefix.replace('/', '');

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
