import { Inject, Injectable } from '@nestjs/common';
import type { Rejection } from '../../domain/caller';
import { callerBy } from '../../domain/caller';
import type { Caller, PrincipalSpec, TokenSpec } from '../../domain/principal';
import type { OrgSpec } from '../../domain/tenancy';
import { isSecretOf, parseToken } from '../../token-secret';
import type { PresentedToken } from '../../token-secret';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { bearerTokenOf } from '../http/bearer';
import { ApiProblem } from '../http/problem';
import { OidcCallers } from './oidc-callers';
import { orgOf } from './standing';
import { TokenUses } from './token-uses';
import { unauthenticated } from './unauthenticated';

/** What a token stands on. */
interface Known {
  readonly hash: string | undefined;
  readonly token: TokenSpec | undefined;
  readonly principal: PrincipalSpec | undefined;
  readonly org: OrgSpec | undefined;
}

/** Reads a value by its key, wherever from. */
type Read = (key: string) => unknown;

/** Finds out who sends a request, by its bearer token. */
@Injectable()
export class Authenticator {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(TokenUses) private readonly uses: TokenUses,
    @Inject(OidcCallers) private readonly oidc: OidcCallers,
  ) {}

  /**
   * `authorization`: the request's header of this name. `onUnknown` is called before any store is asked for what is not
   * known here, and before a refusal; it may throw one of its own. Throws `unauthenticated`, or `org_suspended`.
   */
  async authenticate(authorization: string | undefined, onUnknown: () => void): Promise<Caller> {
    const text = bearerTokenOf(authorization);
    if (text === undefined) {
      onUnknown();
      throw unauthenticated('this request carries no bearer token');
    }
    const presented = parseToken(text);
    if (presented === undefined) return this.byIssuer(text, onUnknown);
    const caller = await this.byToken(presented, onUnknown);
    this.uses.note(presented.id);
    return caller;
  }

  private async byIssuer(token: string, onUnknown: () => void): Promise<Caller> {
    const caller = await this.oidc.callerOf(token, onUnknown);
    if (caller === undefined) throw unauthenticated(notKnown);
    if (caller === 'suspended') throw suspended();
    return caller;
  }

  /**
   * The cache only ever lets in: a token that was made a moment ago may be known to another server alone. Whatever is
   * refused was looked for in the store, be the secret wrong or the token unknown, so that the time it takes tells neither.
   */
  private async byToken(presented: PresentedToken, onUnknown: () => void): Promise<Caller> {
    const known = standing(presented.id, (key) => this.dependencies.cache.get(key)?.value);
    const caller = isSecretOf(known.hash, presented.secret) ? callerBy(known, presented.id, Date.now()) : 'unknown';
    if (typeof caller !== 'string') return caller;
    onUnknown();
    const present = await this.inStore(presented);
    const result = isSecretOf(present.hash, presented.secret) ? callerBy(present, presented.id, Date.now()) : 'unknown';
    if (typeof result === 'string') throw this.rejected(result, presented.id);
    return result;
  }

  /**
   * One look at the hash, and, only for who holds the token, at what it is and whose: a second look where there is such a token,
   * and the time that an answer of more bytes takes, would tell everybody that there is one.
   */
  private async inStore({ id, secret }: PresentedToken): Promise<Known> {
    const values = new Map<string, unknown>();
    const { etcd } = this.dependencies;
    const fetch = async (...wanted: readonly string[]) => {
      const found = await Promise.all(wanted.map((key) => etcd.get(key)));
      wanted.forEach((key, index) => values.set(key, found[index]?.value));
    };
    await fetch(keys.tokenHash(id));
    const isHeld = isSecretOf((values.get(keys.tokenHash(id)) as { readonly hash?: string } | undefined)?.hash, secret);
    if (isHeld) await fetch(keys.tokenSpec(id));
    const token = values.get(keys.tokenSpec(id)) as TokenSpec | undefined;
    if (token !== undefined) await fetch(keys.principalSpec(token.principal), keys.orgSpec(token.org));
    return standing(id, (key) => values.get(key));
  }

  private rejected(rejection: Rejection, tokenId: string): ApiProblem {
    this.dependencies.log.info({ tokenId, rejection }, 'a token was refused');
    if (rejection === 'suspended') return suspended();
    return unauthenticated(notKnown);
  }
}

function standing(tokenId: string, read: Read): Known {
  const token = read(keys.tokenSpec(tokenId)) as TokenSpec | undefined;
  const principal = token && (read(keys.principalSpec(token.principal)) as PrincipalSpec | undefined);
  return { hash: (read(keys.tokenHash(tokenId)) as { readonly hash?: string } | undefined)?.hash, token, principal, org: orgOf(principal, read) };
}

const notKnown = 'the token is not known, or no longer good';

function suspended(): ApiProblem {
  return new ApiProblem('org_suspended', 'the organisation is suspended; nobody of it is let in');
}
