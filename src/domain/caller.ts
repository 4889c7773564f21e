import { platformOrg } from './header';
import type { Caller, PrincipalSpec, TokenSpec } from './principal';
import type { Scope } from './scopes';
import { platformScopes, scopesOfRole } from './scopes';
import type { OrgSpec } from './tenancy';

/** Why somebody is not let in, for the log; whoever asks hears only whether the credential is good. */
export type Rejection = 'unknown' | 'revoked' | 'expired' | 'disabled' | 'suspended';

/** What a credential stands on, as it is now. */
export interface Standing {
  readonly token?: TokenSpec | undefined;
  readonly principal: PrincipalSpec | undefined;
  /** Of the principal; none for the platform, and for the org `default` of a store that has no heads of orgs. */
  readonly org: OrgSpec | undefined;
}

/** Whom a credential lets in. `credential` names what was shown: the token's id, or `oidc`. */
export function callerBy({ token, principal, org }: Standing, credential: string, nowMs: number): Caller | Rejection {
  if (token !== undefined && token.revokedAt !== undefined) return 'revoked';
  if (token !== undefined && Date.parse(token.expiresAt) <= nowMs) return 'expired';
  if (principal === undefined) return 'unknown';
  if (principal.disabled) return 'disabled';
  if (org?.suspended) return 'suspended';
  const { id, type, name, projects } = principal;
  const ofToken = token && { expiresAt: token.expiresAt, ...(token.scopes && { narrowedTo: token.scopes }) };
  return { id, type, name, org: principal.org, ...(projects && { projects }), scopes: knownScopesOf(principal, token), credential, ...ofToken };
}

/** By the very specs: one that changes is another object, and what was made of the former is forgotten with it. */
const known = new WeakMap<PrincipalSpec, WeakMap<object, ReadonlySet<Scope>>>();

/** Every request asks for them, and what they are made of hardly ever changes. */
function knownScopesOf(principal: PrincipalSpec, token: TokenSpec | undefined): ReadonlySet<Scope> {
  const ofPrincipal = known.get(principal) ?? new WeakMap<object, ReadonlySet<Scope>>();
  const by = token ?? principal;
  const scopes = ofPrincipal.get(by) ?? scopesOf(principal, token);
  known.set(principal, ofPrincipal.set(by, scopes));
  return scopes;
}

/** Every scope that a principal's roles hold, and those that it has beside them. */
export function givenScopes({ roles, scopes }: Pick<PrincipalSpec, 'roles' | 'scopes'>): ReadonlySet<Scope> {
  return new Set([...roles.flatMap((role) => scopesOfRole[role]), ...scopes]);
}

/** What a principal may do, as far as the token lets it through. What acts on all orgs counts for nothing outside of the platform, however it was given. */
export function scopesOf(principal: Pick<PrincipalSpec, 'org' | 'roles' | 'scopes'>, token?: Pick<TokenSpec, 'scopes'>): ReadonlySet<Scope> {
  const isPlatforms = principal.org === platformOrg;
  const given = new Set([...givenScopes(principal)].filter((scope) => isPlatforms || !platformScopes.has(scope)));
  return token?.scopes === undefined ? given : new Set(token.scopes.filter((scope) => given.has(scope)));
}
