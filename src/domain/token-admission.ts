import type { Act, AdmissionContext } from './admission';
import { changedHeader, refuse } from './admission';
import type { TokenSpec } from './principal';
import { isoTime } from './status';

/** Whether a token is good for nothing any more. */
export function isEnded({ revokedAt, expiresAt }: Pick<TokenSpec, 'revokedAt' | 'expiresAt'>, nowMs: number): boolean {
  return revokedAt !== undefined || Date.parse(expiresAt) <= nowMs;
}

/** How long a token was made for, for the one that replaces it. */
export function lifetimeMs({ createdAt, expiresAt }: Pick<TokenSpec, 'createdAt' | 'expiresAt'>): number {
  return Date.parse(expiresAt) - Date.parse(createdAt);
}

/** Revokes a token, for good. */
export function revokeToken(spec: TokenSpec, context: AdmissionContext): Act<TokenSpec> {
  if (spec.revokedAt !== undefined) return { kind: 'unchanged' };
  return { kind: 'admitted', spec: { ...spec, ...changedHeader(spec, undefined, context), revokedAt: isoTime(context.nowMs) } };
}

/** A token that another one replaces: it stays good for a while, so that whoever uses it can be told the new one. */
export function replaceToken(spec: TokenSpec, by: string, overlapMs: number, context: AdmissionContext): Act<TokenSpec> {
  if (isEnded(spec, context.nowMs)) return refuse('invalid_transition', `token ${spec.id} is ${spec.revokedAt === undefined ? 'expired' : 'revoked'}; make a new one`);
  if (spec.replacedBy !== undefined) return refuse('invalid_transition', `token ${spec.id} was replaced by ${spec.replacedBy} already`, { replacedBy: spec.replacedBy });
  const expiresAt = isoTime(Math.min(Date.parse(spec.expiresAt), context.nowMs + overlapMs));
  return { kind: 'admitted', spec: { ...spec, ...changedHeader(spec, undefined, context), replacedBy: by, expiresAt } };
}
