import type { CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWK, JWSHeaderParameters } from 'jose';
import { createLocalJWKSet, errors } from 'jose';
import { oidcKeysFreshMs, oidcKeysMax, oidcKeysStaleMsMax, oidcRefetchIntervalMs, oidcRetryIntervalMs } from '../../domain/limits';
import { isTrustedUrl } from '../../domain/trusted-url';
import type { ApiProblem } from '../http/problem';
import { unavailable } from '../http/problem-of';
import { fetchJson } from './fetch-json';

export interface IssuerOptions {
  readonly issuer: string;
  /** Where its keys are; asked of the issuer itself where it is not said. */
  readonly jwksUri?: string | undefined;
  readonly onProblem: (problem: string, cause?: unknown) => void;
  /** Milliseconds of a clock that is never set back. */
  readonly now?: () => number;
}

type Resolve = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/**
 * The keys that an issuer signs with, as it says them. They are fetched anew when they are old, and when a token comes under
 * a key that is not known; while the issuer does not answer, or answers nonsense, those that were known are used, for a bounded time.
 */
export class IssuerKeys {
  private known: { readonly resolve: Resolve; readonly fetchedAtMs: number } | undefined;
  private lastTryMs = -Infinity;
  private lastFailed = false;
  private fetching: Promise<void> | undefined;
  private readonly now: () => number;

  constructor(private readonly options: IssuerOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  /** The key that a token names. Throws `dependency_unavailable` where it cannot be known, and jose's errors where there is no such key. */
  async keyOf(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const before = await this.usable();
    try {
      return await before.resolve(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // Whoever comes while they are being fetched waits, too: theirs may be the key that others asked for.
      await this.fetchAfter(oidcRefetchIntervalMs);
      if (this.known !== undefined && this.known !== before) return this.known.resolve(header, token);
      // The issuer may have a new key, which nobody could learn.
      throw this.lastFailed ? away(error) : error;
    }
  }

  /** Keys that are known; old ones do for now while others are fetched. */
  private async usable(): Promise<NonNullable<IssuerKeys['known']>> {
    if (this.ageMs > oidcKeysStaleMsMax) await this.fetchAfter(oidcRetryIntervalMs);
    else if (this.ageMs > oidcKeysFreshMs) void this.fetchAfter(oidcRefetchIntervalMs);
    if (this.known === undefined || this.ageMs > oidcKeysStaleMsMax) throw away(new Error(`the keys of ${this.options.issuer} are not known`));
    return this.known;
  }

  private get ageMs(): number {
    return this.known === undefined ? Infinity : this.now() - this.known.fetchedAtMs;
  }

  /** One fetch for all who want one, so long after the one before. Never rejects: what came of it is seen in what is known. */
  private async fetchAfter(intervalMs: number): Promise<void> {
    if (this.fetching === undefined && this.now() - this.lastTryMs < intervalMs) return;
    this.fetching ??= this.fetch().finally(() => (this.fetching = undefined));
    await this.fetching;
  }

  private async fetch(): Promise<void> {
    this.lastTryMs = this.now();
    try {
      const keys = usableKeys(await fetchJson(await this.jwksUri()));
      this.known = { resolve: createLocalJWKSet({ keys }), fetchedAtMs: this.now() };
      this.lastFailed = false;
    } catch (error) {
      this.lastFailed = true;
      this.options.onProblem(`the keys of ${this.options.issuer} could not be fetched`, error);
    }
  }

  /** What the issuer says of itself counts only if it says it of itself. */
  private async jwksUri(): Promise<string> {
    const { issuer, jwksUri } = this.options;
    if (jwksUri !== undefined) return jwksUri;
    const document = (await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)) as { issuer?: unknown; jwks_uri?: unknown } | null;
    if (document?.issuer !== issuer) throw new Error(`the document of ${issuer} is that of another issuer`);
    if (typeof document.jwks_uri !== 'string' || !isTrustedUrl(document.jwks_uri)) throw new Error(`the document of ${issuer} names no keys that can be fetched safely`);
    return document.jwks_uri;
  }
}

/** What the issuer answered is told once a fetch; strangers could have it told once a request. */
function away(cause: unknown): ApiProblem {
  return unavailable('oidc', cause, { isLogged: true });
}

const publicKinds = ['RSA', 'EC', 'OKP'];

/** Public keys alone: whoever publishes a secret one, or a symmetric one, lets everybody sign. */
function usableKeys(document: unknown): JWK[] {
  const { keys } = (document ?? {}) as Partial<JSONWebKeySet>;
  if (!Array.isArray(keys)) throw new Error('it is no set of keys');
  if (keys.length > oidcKeysMax) throw new Error(`it holds ${keys.length} keys, more than ${oidcKeysMax}`);
  const usable = keys.filter((key) => typeof key === 'object' && key !== null && publicKinds.includes(key.kty ?? '') && key.d === undefined);
  if (usable.length === 0) throw new Error('it holds no public key');
  return usable;
}
