import type { Act, AdmissionContext, Refusal } from './admission';
import { changedHeader, refuse } from './admission';
import { isWithin } from './authorization';
import { givenScopes, scopesOf } from './caller';
import { canonicalJson } from './canonical-json';
import { platformOrg } from './header';
import type { Caller, PrincipalSpec } from './principal';
import { problemAt } from './problem';
import type { Scope } from './scopes';
import { platformScopes, scopesOfRole } from './scopes';
import { isoTime } from './status';

/** Everything that somebody would be able to do, and where. */
export interface Grant {
  readonly org: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Undefined: all of the org. */
  readonly projects?: readonly string[] | undefined;
}

type Grantor = Pick<Caller, 'org' | 'scopes' | 'projects'>;

/** Why a caller may not give so much: nobody gives more than he has himself. Undefined when he may. */
export function refusalToGrant(caller: Grantor, wanted: Grant): Refusal | undefined {
  if (caller.org !== platformOrg && wanted.org !== caller.org) return forbidden('only those who run Berth give access beyond their own organisation', { org: wanted.org });
  if (!isWithin(wanted.projects, caller.projects)) return forbidden('this is not confined to the projects that you are confined to', { projects: caller.projects });
  const missing = [...wanted.scopes].filter((scope) => !caller.scopes.has(scope));
  if (missing.length > 0) return forbidden(`nobody gives more than he has; you lack ${missing.join(', ')}`, { scopes: missing });
  return undefined;
}

/** Name of the first principal of the platform. */
export const administrator = 'administrator';

/** What a principal may do and where. Who is called administrator of the platform is given its role by whoever holds the keys of etcd, and asks for the way in. */
export function grantOf(principal: Pick<PrincipalSpec, 'org' | 'name' | 'roles' | 'scopes' | 'projects'>): Grant {
  const { org, name, projects } = principal;
  const isAdministrator = org === platformOrg && name === administrator;
  return { org, scopes: isAdministrator ? new Set([...scopesOf(principal), ...scopesOfRole.platform]) : scopesOf(principal), projects };
}

/**
 * Why nobody can be given this, whoever gives it: what acts on all orgs is not for a principal of one, and who reaches all orgs is
 * kept in no project. What it has already is not asked.
 */
export function refusalOfPrincipal(wanted: PrincipalSpec, before?: PrincipalSpec): Refusal | undefined {
  if (wanted.org === platformOrg) return isSame(wanted.projects, before?.projects) ? undefined : refusalToConfine(wanted);
  const had = before && givenScopes(before);
  const beyond = [...givenScopes(wanted)].filter((scope) => platformScopes.has(scope) && !had?.has(scope));
  if (beyond.length === 0) return undefined;
  return forbidden(`${beyond.join(', ')} act on the whole installation: only principals of the org ${platformOrg} can have them, or the role platform`, { scopes: beyond });
}

function refusalToConfine({ projects }: PrincipalSpec): Refusal | undefined {
  if (projects === undefined) return undefined;
  const problem = problemAt(['projects'], `none: a principal of the org ${platformOrg} reaches all projects of all orgs`, JSON.stringify(projects));
  return { kind: 'invalid', code: 'invalid_request', message: problem.message, problems: [problem] };
}

/** What may be changed of a principal. */
export const mutablePrincipalFields = ['name', 'roles', 'scopes', 'projects', 'external', 'disabled'] as const;

/** A merge patch: what is absent stays; null takes a confinement or an external identity away. */
export interface PrincipalPatch {
  readonly name?: string | undefined;
  readonly roles?: PrincipalSpec['roles'] | undefined;
  readonly scopes?: PrincipalSpec['scopes'] | undefined;
  readonly projects?: PrincipalSpec['projects'] | null | undefined;
  readonly external?: PrincipalSpec['external'] | null | undefined;
  readonly disabled?: boolean | undefined;
}

/**
 * Changes a principal. Taking away is free to whoever may change it at all; anything else gives all that it then has: who
 * could enable, or name the external identity of, somebody mightier would come to be him.
 */
export function changePrincipal(caller: Grantor, spec: PrincipalSpec, patch: PrincipalPatch, context: AdmissionContext): Act<PrincipalSpec> {
  const wanted = patched(spec, patch);
  if (spec.deletionRequestedAt !== undefined) return closing(spec);
  if (mutablePrincipalFields.every((field) => isSame(spec[field], wanted[field]))) return { kind: 'unchanged' };
  if (!isWithin(spec.projects, caller.projects)) return { kind: 'refused', refusal: forbidden('this principal is not confined to the projects that you are confined to', { projects: caller.projects }) };
  const refusal = (isNarrowing(spec, wanted) ? undefined : refusalToGrant(caller, grantOf(wanted))) ?? refusalOfPrincipal(wanted, spec);
  if (refusal) return { kind: 'refused', refusal };
  return { kind: 'admitted', spec: { ...wanted, ...changedHeader(spec, undefined, context) } };
}

/** Closes a principal: it gets in no more, and nothing new refers to it. */
export function closePrincipal(caller: Grantor, spec: PrincipalSpec, context: AdmissionContext): Act<PrincipalSpec> {
  if (spec.deletionRequestedAt !== undefined) return { kind: 'unchanged' };
  if (!isWithin(spec.projects, caller.projects)) return { kind: 'refused', refusal: forbidden('this principal is not confined to the projects that you are confined to', { projects: caller.projects }) };
  return { kind: 'admitted', spec: { ...spec, ...changedHeader(spec, undefined, context), disabled: true, deletionRequestedAt: isoTime(context.nowMs) } };
}

/** A refusal of what cannot be asked of a principal that is being deleted. */
export function closing(spec: Pick<PrincipalSpec, 'id'>): { readonly kind: 'refused'; readonly refusal: Refusal } {
  return refuse('invalid_transition', `principal ${spec.id} is being deleted`);
}

function patched(spec: PrincipalSpec, { projects, external, ...given }: PrincipalPatch): PrincipalSpec {
  const { projects: formerProjects, external: formerExternal, ...rest } = spec;
  const nextProjects = projects === undefined ? formerProjects : (projects ?? undefined);
  const nextExternal = external === undefined ? formerExternal : (external ?? undefined);
  return {
    ...rest,
    name: given.name ?? rest.name,
    roles: given.roles ?? rest.roles,
    scopes: given.scopes ?? rest.scopes,
    disabled: given.disabled ?? rest.disabled,
    ...(nextProjects && { projects: nextProjects }),
    ...(nextExternal && { external: nextExternal }),
  };
}

/** Whether nobody can do more than before, as somebody or other. */
function isNarrowing(before: PrincipalSpec, after: PrincipalSpec): boolean {
  const had = grantOf(before).scopes;
  const isEnabling = before.disabled && !after.disabled;
  const isOthers = after.external !== undefined && !isSame(before.external, after.external);
  return !isEnabling && !isOthers && isWithin(after.projects, before.projects) && [...grantOf(after).scopes].every((scope) => had.has(scope));
}

function isSame(one: unknown, other: unknown): boolean {
  return canonicalJson(one ?? null) === canonicalJson(other ?? null);
}

function forbidden(message: string, detail: Readonly<Record<string, unknown>>): Refusal {
  return { kind: 'conflict', code: 'forbidden', message, detail };
}
