import type { Kind, Owner } from './header';
import { defaultOrg, defaultProject, platformOrg } from './header';
import type { Caller } from './principal';
import type { Scope } from './scopes';
import { platformScopes } from './scopes';

/** What is asked to be done something with, as far as access goes. */
export interface Target extends Owner {
  readonly kind: Kind;
  /** Of a principal and of its tokens: the projects that it is confined to itself. The project of its header says nothing. */
  readonly projects?: readonly string[] | undefined;
}

/**
 * - `scope`: the caller may not do such a thing at all, and is told so.
 * - `foreign`: the object is somebody else's; the caller is told what whoever asks for nothing is told.
 */
export type AccessDecision = { readonly allowed: true } | { readonly allowed: false; readonly reason: 'scope' | 'foreign' };

const allowed: AccessDecision = { allowed: true };

/** Whether a caller may do what a scope stands for, with an object where there is one already. */
export function decide(caller: Caller, scope: Scope, target?: Target): AccessDecision {
  if (target !== undefined && !isVisible(caller, target)) return { allowed: false, reason: 'foreign' };
  if (!caller.scopes.has(scope) || (platformScopes.has(scope) && caller.org !== platformOrg)) return { allowed: false, reason: 'scope' };
  if (target !== undefined && !scope.endsWith(':read') && !actsOn(caller, target)) return { allowed: false, reason: 'scope' };
  return allowed;
}

/** What is of an org and in none of its projects, whatever its header says. */
export const kindsOfNoProject: readonly Kind[] = ['Org', 'Principal', 'Token'];

/** Whether a caller may know of an object. What is shared by all orgs, all may see, and everybody his own org. */
export function isVisible(caller: Caller, target: Target): boolean {
  return actsOn(caller, target) || isShared(target) || (target.kind === 'Org' && target.org === caller.org);
}

/**
 * Whether an object is the caller's to act on. An org, a principal and a token are in no project: to whoever is confined to some, an
 * org is not his to act on, and those who may ask are his where they are confined within.
 */
function actsOn(caller: Pick<Caller, 'org' | 'projects'>, target: Target): boolean {
  if (caller.org === platformOrg || caller.projects === undefined) return reaches(caller, target);
  if (target.kind === 'Org') return false;
  if (!kindsOfNoProject.includes(target.kind)) return reaches(caller, target);
  return target.org === caller.org && isWithin(target.projects, caller.projects);
}

/** Whether whoever is confined to `projects` can do nothing beyond `bounds`; undefined is all. */
export function isWithin(projects: readonly string[] | undefined, bounds: readonly string[] | undefined): boolean {
  return bounds === undefined || (projects !== undefined && projects.every((project) => bounds.includes(project)));
}

/** Whether an object is the caller's to act on: in its org, in a project that it is not kept out of. Those who run Berth reach every org. */
export function reaches(caller: Pick<Caller, 'org' | 'projects'>, { org, project }: Owner): boolean {
  if (caller.org === platformOrg) return true;
  return org === caller.org && (caller.projects === undefined || caller.projects.includes(project));
}

/** To whom what a caller creates belongs, where the request does not say. */
export function ownerFor({ org, projects }: Pick<Caller, 'org' | 'projects'>): Owner {
  return { org: org === platformOrg ? defaultOrg : org, project: projects?.[0] ?? defaultProject };
}

function isShared({ kind, org }: Target): boolean {
  return org === platformOrg && (kind === 'Worker' || kind === 'WorkerTemplate');
}
