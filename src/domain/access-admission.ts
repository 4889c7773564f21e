import type { AdmissionContext } from './admission';
import { newHeader } from './admission';
import type { PrincipalSpec, TokenSpec } from './principal';
import { isoTime } from './status';

/** What a new principal is made of. */
export type NewPrincipal = Pick<PrincipalSpec, 'type' | 'name' | 'roles' | 'scopes' | 'projects' | 'external'>;

/** A new principal of the context's owner. It gets in once it has a token, or by what it is at the issuer. */
export function admitPrincipal(wanted: NewPrincipal, context: AdmissionContext): PrincipalSpec {
  return { ...newHeader('Principal', {}, context), ...wanted, kind: 'Principal', disabled: false };
}

/** What a new token is made of. */
export type NewToken = Pick<TokenSpec, 'principal' | 'description' | 'scopes'> & { readonly lastsMs: number };

/** A new token of a principal, in whose org it is. */
export function admitToken({ lastsMs, ...wanted }: NewToken, context: AdmissionContext): TokenSpec {
  return { ...newHeader('Token', {}, context), ...wanted, kind: 'Token', expiresAt: isoTime(context.nowMs + lastsMs) };
}
