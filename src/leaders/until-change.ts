import type { WatchCache } from '../stores/etcd/watch-cache';

/** Several changes that arrive together are answered once. */
const settleMs = 10;

/** Waits until a key of interest changes in the cache, but no longer than `timeoutMs`, and not after an abort. */
export function untilChange(cache: WatchCache, isOfInterest: (key: string) => boolean, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      stopListening();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, timeoutMs);
    const stopListening = cache.onApplied(({ changes, relisted }) => {
      if (relisted || changes.some(({ key }) => isOfInterest(key))) setTimeout(finish, settleMs);
    });
    signal.addEventListener('abort', finish);
  });
}
