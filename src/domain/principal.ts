import type { Header } from './header';
import type { Role, Scope } from './scopes';

/** Somebody who may ask: a person, or a program that acts for itself. `org` is theirs, or `platform` for those who run Berth. */
export interface PrincipalSpec extends Header {
  readonly kind: 'Principal';
  readonly type: 'user' | 'service';
  /** Unique in its org. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Scopes beside those of the roles. */
  readonly scopes: readonly Scope[];
  /** Ids of the projects that everything is confined to; undefined: the whole org. */
  readonly projects?: readonly string[];
  /** Who it is at the issuer of OIDC tokens. */
  readonly external?: { readonly issuer: string; readonly subject: string };
  /** While true nobody gets in as this principal. */
  readonly disabled: boolean;
}

/** A credential of a principal. The secret itself is stored nowhere, its hash under a key of its own that no event shows. */
export interface TokenSpec extends Header {
  readonly kind: 'Token';
  /** Id of whoever it belongs to. */
  readonly principal: string;
  readonly description: string;
  /** Narrows what its principal may do; undefined: nothing is narrowed. */
  readonly scopes?: readonly Scope[];
  /** ISO 8601. */
  readonly expiresAt: string;
  /** Set for good. */
  readonly revokedAt?: string;
  /** The token that replaced it; both are good until this one expires. */
  readonly replacedBy?: string;
}

/** Who sends a request, as its credential says: all that a decision about access needs to know. */
export interface Caller {
  /** Id of the principal, or of the worker whose agent it is. */
  readonly id: string;
  readonly type: PrincipalSpec['type'] | 'worker';
  readonly name: string;
  /** Id of an org, or `platform`. */
  readonly org: string;
  readonly projects?: readonly string[];
  readonly scopes: ReadonlySet<Scope>;
  /** What the token is narrowed to, as it says itself; undefined: it narrows nothing. */
  readonly narrowedTo?: TokenSpec['scopes'];
  /** Id of the token, or `oidc`, or `agent`. */
  readonly credential: string;
  /** Of `oidc`: whom the issuer's token names. */
  readonly external?: PrincipalSpec['external'];
  /** ISO 8601: when the credential ends by itself. */
  readonly expiresAt?: string;
}
