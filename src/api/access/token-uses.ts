import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { tokenUseIntervalMs, tokenUsesInFlightMax, tokenUsesRememberedMax } from '../../domain/limits';
import { isoTime } from '../../domain/status';
import { unchanged } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

/**
 * Remembers when tokens were used, to within some minutes: enough to tell one that nobody needs any more. No request
 * waits for it or fails by it, and it tells no event: nobody decided anything.
 */
@Injectable()
export class TokenUses {
  /** When this process stored a use of a token last. */
  private readonly stored = new LRUCache<string, number>({ max: tokenUsesRememberedMax });
  private inFlight = 0;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  note(tokenId: string, nowMs = Date.now()): void {
    if (nowMs - this.lastStoredMs(tokenId) < tokenUseIntervalMs || this.inFlight >= tokenUsesInFlightMax) return;
    this.stored.set(tokenId, nowMs);
    this.inFlight += 1;
    void this.store(tokenId, nowMs)
      .catch((error: unknown) => this.dependencies.log.debug({ err: error, token: tokenId }, 'the use of a token was not stored'))
      .finally(() => (this.inFlight -= 1));
  }

  /** Another process may have stored it, or this one before it was started anew. */
  private lastStoredMs(tokenId: string): number {
    const own = this.stored.get(tokenId);
    if (own !== undefined) return own;
    const { at } = (this.dependencies.cache.get(keys.tokenUse(tokenId))?.value ?? {}) as { readonly at?: string };
    return at === undefined ? 0 : Date.parse(at);
  }

  /** Compares the token, so that nothing is left behind of one that has gone. */
  private async store(tokenId: string, nowMs: number): Promise<void> {
    const { cache, committer } = this.dependencies;
    const [token, former] = [keys.tokenSpec(tokenId), keys.tokenUse(tokenId)].map((key) => cache.get(key));
    if (token === undefined) return void this.stored.delete(tokenId); // A token made by another server a moment ago.
    const key = keys.tokenUse(tokenId);
    await committer.commit({
      id: `tokens/${tokenId}/used`,
      compares: [unchanged(keys.tokenSpec(tokenId), token), unchanged(key, former)],
      puts: [{ key, value: { schemaVersion: 1, at: isoTime(nowMs) } }],
      deletes: [],
      events: [],
    });
  }
}
