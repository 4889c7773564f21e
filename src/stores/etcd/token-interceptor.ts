import type { Deadline, Interceptor, Metadata, StatusObject } from '@grpc/grpc-js';
import { InterceptingCall, status } from '@grpc/grpc-js';

/** A token, or the promise of one, for as long as etcd takes it. */
interface Held {
  readonly token: Promise<string | undefined>;
  /** A call was answered with it. */
  proved: boolean;
}

export interface TokenInterceptor {
  readonly interceptor: Interceptor;
  /** The next call asks for a new token. */
  readonly forget: () => void;
}

/** As etcd says that a token is not, or no longer, one of its own; with the last one that there should have been one. */
const staleToken = /invalid auth token|revision of auth store is old|user name is empty/;
/** etcd3 repeats a call at once that is refused in these words; nothing has been done then. */
const repeatable = 'etcdserver: invalid auth token';

const deadlineMarginMs = 20;

/**
 * Gives every call the token that `ask` brings. One that etcd does not take any more (it ran out, etcd was started anew, or
 * users and roles were changed) is asked for anew, and the call repeated if it is no stream. One that etcd never took is
 * not: that would go on for ever.
 */
export function tokenInterceptor(ask: () => Promise<string | undefined>): TokenInterceptor {
  let held: Held | undefined;
  const hold = (): Held => {
    const asked: Held = { token: ask(), proved: false };
    asked.token.catch(() => drop(asked));
    return (held = asked);
  };
  const drop = (refused: Held) => {
    if (held === refused) held = undefined;
  };
  const afterCall = (used: Held, ended: StatusObject): StatusObject => {
    if (ended.code === status.OK) used.proved = true;
    if (!staleToken.test(ended.details)) return ended;
    drop(used);
    if (used.proved) return { ...ended, details: repeatable };
    return { ...ended, code: status.UNAUTHENTICATED, details: `etcd does not take the token that it has just given (${ended.details.replace('etcdserver: ', '')})` };
  };
  const interceptor: Interceptor = (options, nextCall) => {
    let cancelled = false;
    return new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        const used = held ?? hold();
        const go = (token: string | undefined) => {
          // grpc-js never ends a call that is started when it is over.
          if (cancelled) return listener.onReceiveStatus({ code: status.CANCELLED, details: 'cancelled before it had a token', metadata });
          if (isOverdue(options.deadline)) return listener.onReceiveStatus({ code: status.DEADLINE_EXCEEDED, details: 'no time is left after authentication', metadata });
          next(withToken(metadata, token), {
            onReceiveMessage: (message, pass) => {
              used.proved = true;
              pass(message);
            },
            onReceiveStatus: (ended, pass) => pass(afterCall(used, ended)),
          });
        };
        used.token.then(go, (cause: unknown) => listener.onReceiveStatus(asStatus(cause, metadata)));
      },
      cancel: (next) => {
        cancelled = true;
        next();
      },
    });
  };
  return { interceptor, forget: () => (held = undefined) };
}

/** A little before the timer of grpc-js can say so. */
function isOverdue(deadline: Deadline | undefined): boolean {
  return deadline !== undefined && Number(deadline) - Date.now() < deadlineMarginMs;
}

function withToken(metadata: Metadata, token: string | undefined): Metadata {
  if (token !== undefined) metadata.set('token', token);
  return metadata;
}

/** Why there is no token, in etcd's own words: whoever is told takes a wrong password and a server that is away for what they are. */
function asStatus(cause: unknown, metadata: Metadata): StatusObject {
  const details = cause instanceof Error ? cause.message : String(cause);
  const code = /^\d+/.exec(details)?.[0];
  return { code: code === undefined ? status.UNAVAILABLE : Number(code), details: details.replace(/^\d+ [A-Z_]+: /, ''), metadata: metadata.clone() };
}
