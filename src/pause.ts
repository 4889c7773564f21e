import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for so long, or until the signal is aborted: an end that comes early is no failure. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => undefined);
}
