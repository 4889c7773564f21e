import { setTimeout as sleep } from 'node:timers/promises';

const timeoutMs = 20_000;
const pollMs = 20;

/** Waits for a state that nobody announces, with a bound. */
export async function until<T>(what: string, probe: () => Promise<T | false>): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(pollMs);
  }
}
