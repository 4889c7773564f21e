import { agentBackoffMsMax, agentBackoffMsMin } from '../domain/limits';

/** Resolves after a time, or at once when the signal aborts. */
export function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, durationMs);
    signal.addEventListener('abort', wake, { once: true });
  });
}

/**
 * A signal that follows another until it is released. `AbortSignal.any` would do, but leaves something behind at a
 * signal that lives as long as the agent, with every request that it makes.
 */
export function follow(signal: AbortSignal): { readonly controller: AbortController; readonly release: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return { controller, release: () => signal.removeEventListener('abort', abort) };
}

/** Does something under a signal that also aborts after a time. */
export async function within<T>(timeoutMs: number, signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { controller, release } = follow(signal);
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await act(controller.signal);
  } catch (error) {
    // What was aborted says only that it was; the reason says why.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    release();
  }
}

/** Growing waits between tries. Jittered, so that a fleet does not come back all at once. */
export class Backoff {
  private ceilingMs = agentBackoffMsMin;

  /** The next wait. */
  next(): number {
    const waitMs = this.ceilingMs * (0.5 + Math.random() / 2);
    this.ceilingMs = Math.min(this.ceilingMs * 2, agentBackoffMsMax);
    return waitMs;
  }

  /** After a success. */
  reset(): void {
    this.ceilingMs = agentBackoffMsMin;
  }
}
