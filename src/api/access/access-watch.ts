import { Inject, Injectable } from '@nestjs/common';
import { credentialTimerMsMax } from '../../domain/limits';
import type { Caller } from '../../domain/principal';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Standing } from './standing';
import { unauthenticated } from './unauthenticated';

/** A credential that is being watched. */
export interface WatchedAccess {
  /** Aborted when the credential lets in no more, or less than it did. */
  readonly ended: AbortSignal;
  /** To be called when nothing hangs on it any more. */
  release(): void;
}

/**
 * Watches the credentials of what lasts: streams and waits, which were let in once and would otherwise go on for hours
 * after a token was revoked. It hears of changes as the watch cache does, on every server alike, and minds the time itself.
 */
@Injectable()
export class AccessWatch {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Standing) private readonly standing: Standing,
  ) {}

  follow(caller: Caller): WatchedAccess {
    const { cache } = this.dependencies;
    const ending = new AbortController();
    // Agents have a token of their worker's, and their own stream looks after it.
    if (caller.type === 'worker') return { ended: ending.signal, release: () => undefined };
    const look = () => {
      const reason = this.standing.reasonToEnd(caller);
      if (reason === undefined || ending.signal.aborted) return;
      this.dependencies.log.info({ principal: caller.id, credential: caller.credential, reason }, 'a credential has ended, and with it what it had opened');
      ending.abort(reason);
    };
    const stops = [
      cache.onObject('tokens', caller.credential, look),
      cache.onObject('principals', caller.id, look),
      cache.onObject('orgs', caller.org, look),
      lookAtEnd(caller.expiresAt, look),
      this.lookWhenKnown(caller, look),
    ];
    const release = () => stops.forEach((stop) => stop());
    ending.signal.addEventListener('abort', release, { once: true });
    return { ended: ending.signal, release };
  }

  /** Does something that lasts while the credential is good. `during` hears by its signal when it no longer is, or when the client has gone. */
  async during<T>(caller: Caller, gone: AbortSignal, during: (over: AbortSignal) => Promise<T>): Promise<T> {
    const access = this.follow(caller);
    try {
      const result = await during(AbortSignal.any([gone, access.ended]));
      requireGood(access.ended);
      return result;
    } catch (error) {
      // What failed because it was ended has ended for that reason.
      requireGood(access.ended);
      throw error;
    } finally {
      access.release();
    }
  }

  /** A cache that was behind when the request was let in knows nothing yet of what let it in. */
  private lookWhenKnown(caller: Caller, look: () => void): () => void {
    let isOver = false;
    if (this.standing.isKnown(caller)) look();
    else void this.standing.catchUp().then(() => (isOver ? undefined : look()), () => undefined);
    return () => void (isOver = true);
  }
}

function requireGood(ended: AbortSignal): void {
  if (ended.aborted) throw unauthenticated('the credential has ended while this request was waiting');
}

/** Looks when a credential ends by itself. A timer that came too early, by a millisecond or because timers last no longer, is set again. */
function lookAtEnd(expiresAt: string | undefined, look: () => void): () => void {
  if (expiresAt === undefined) return () => undefined;
  let timer: NodeJS.Timeout;
  const set = () => {
    const restMs = Date.parse(expiresAt) - Date.now();
    timer = setTimeout(() => (Date.now() >= Date.parse(expiresAt) ? look() : set()), Math.min(Math.max(restMs, 0), credentialTimerMsMax)).unref();
  };
  set();
  return () => clearTimeout(timer);
}
