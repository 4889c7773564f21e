import { contentHash } from '../../hash';
import type { Cause } from '../../domain/events';
import { nextSequence } from '../../domain/header';
import type { PrincipalSpec, TokenSpec } from '../../domain/principal';
import type { Entry } from './client';
import type { Compare, Decision } from './commit';
import { absent, createDecision, eventOf, onlyIf, unchanged } from './decisions';
import { keys } from './keys';

/** Where it says who somebody is whom an issuer of OIDC tokens knows. */
export function externalKey({ issuer, subject }: { readonly issuer: string; readonly subject: string }): string {
  return keys.principalExternal(contentHash([issuer, subject]));
}

/** What a principal alone may be called, and alone may be elsewhere. */
function claimsOf({ org, name, external }: PrincipalSpec): string[] {
  return [keys.principalName(org, name), ...(external ? [externalKey(external)] : [])];
}

/** A new principal. `relied`: what it was decided on. */
export function principalCreation(spec: PrincipalSpec, relied: readonly Compare[]): Decision {
  return createDecision({ header: spec, puts: { spec }, claims: claimsOf(spec), onlyIf: relied, eventType: 'berth.principal.created' });
}

/** Another spec for a principal; names that it gives up are free again. */
export function principalDecision(before: Entry<PrincipalSpec>, after: PrincipalSpec, what: 'updated' | 'closed'): Decision {
  const [had, has] = [claimsOf(before.value), claimsOf(after)];
  const claimed = has.filter((key) => !had.includes(key));
  return {
    id: `principals/${after.id}/${before.revision}/${what}`,
    compares: [unchanged(keys.principalSpec(after.id), before), ...claimed.map(absent)],
    puts: [{ key: keys.principalSpec(after.id), value: after }, ...claimed.map((key) => ({ key, value: { schemaVersion: 1, id: after.id } }))],
    deletes: had.filter((key) => !has.includes(key)),
    events: [eventOf(after, { type: `berth.principal.${what}`, sequence: after.sequence, time: after.updatedAt, cause: after.cause, data: { spec: after } })],
  };
}

/** A principal leaves etcd, with what it was called. It was closed before, and has no tokens any more. */
export function principalRetirement(entry: Entry<PrincipalSpec>, { time, cause }: { readonly time: string; readonly cause: Cause }): Decision {
  const { value: spec } = entry;
  return {
    id: `principals/${spec.id}/${entry.revision}/retire`,
    compares: [unchanged(keys.principalSpec(spec.id), entry)],
    puts: [],
    deletes: [keys.principalSpec(spec.id), ...claimsOf(spec)],
    events: [eventOf(spec, { type: 'berth.principal.retired', sequence: nextSequence(spec), time, cause, data: {} })],
  };
}

/** A new token, whose secret is stored as a hash under a key that no event shows. `relied`: what it was decided on. */
export function tokenCreation(spec: TokenSpec, hash: string, relied: readonly Compare[]): Decision {
  const decision = createDecision({ header: spec, puts: { spec }, onlyIf: relied, eventType: 'berth.token.created' });
  const key = keys.tokenHash(spec.id);
  return { ...onlyIf(decision, absent(key)), puts: [...decision.puts, { key, value: { schemaVersion: 1, hash } }] };
}

/** A token that is revoked, or replaced by another one. */
export function tokenDecision(before: Entry<TokenSpec>, after: TokenSpec, what: 'revoked' | 'replaced'): Decision {
  return {
    id: `tokens/${after.id}/${before.revision}/${what}`,
    compares: [unchanged(keys.tokenSpec(after.id), before)],
    puts: [{ key: keys.tokenSpec(after.id), value: after }],
    deletes: [],
    events: [eventOf(after, { type: `berth.token.${what}`, sequence: after.sequence, time: after.updatedAt, cause: after.cause, data: { spec: after } })],
  };
}

/** Tokens leave etcd, and with them what they were good for. */
export function tokensRetirement(entries: ReadonlyArray<Entry<TokenSpec>>, { time, cause }: { readonly time: string; readonly cause: Cause }): Pick<Decision, 'compares' | 'deletes' | 'events'> {
  return {
    compares: entries.map((entry) => unchanged(keys.tokenSpec(entry.value.id), entry)),
    deletes: entries.flatMap(({ value: { id } }) => [keys.tokenSpec(id), keys.tokenHash(id), keys.tokenUse(id)]),
    events: entries.map(({ value }) => eventOf(value, { type: 'berth.token.retired', sequence: nextSequence(value), time, cause, data: {} })),
  };
}

/** Several decisions that are one: all of it is written, or nothing. */
export function together(first: Decision, ...others: ReadonlyArray<Pick<Decision, 'compares' | 'deletes' | 'events'> & Partial<Pick<Decision, 'puts'>>>): Decision {
  return {
    ...first,
    compares: [...first.compares, ...others.flatMap(({ compares }) => compares)],
    puts: [...first.puts, ...others.flatMap(({ puts = [] }) => puts)],
    deletes: [...first.deletes, ...others.flatMap(({ deletes }) => deletes)],
    events: [...first.events, ...others.flatMap(({ events }) => events)],
  };
}
