/** What is done with the things of an org, or of those who run Berth. */
const scopesOfOrgs = [
  'instances:read',
  'instances:write',
  'definitions:read',
  'definitions:write',
  'templates:read',
  'templates:write',
  'workers:read',
  'workers:write',
  'events:read',
  'quotas:read',
  'quotas:write',
  'projects:read',
  'projects:write',
  'orgs:read',
  'orgs:write',
  'orgs:suspend',
  'principals:read',
  'principals:write',
  'principals:link',
  'tokens:read',
  'tokens:write',
  'audit:read',
] as const;

/** What acts on the whole installation, and so on every org: for principals of the platform alone, whoever gives it. */
const scopesOfInstallation = [
  'metrics:read',
  'log:read',
  'projections:rebuild',
  'leaders:read',
  'store:read',
  'store:maintain',
  'ledger:read',
  'ledger:repair',
  'lifecycles:nudge',
] as const;

/** What an agent may do, each for its own worker alone. */
const scopesOfAgents = [
  'plan:follow',
  'observations:write',
  'workloads:read',
] as const;

/**
 * What somebody may do, each `resource:action`. `write` is everything that changes an object of that resource; what could
 * hurt others has a scope of its own, so that it can be given, and withheld, by itself.
 */
export const scopes = [...scopesOfOrgs, ...scopesOfInstallation, ...scopesOfAgents] as const;

export type Scope = (typeof scopes)[number];

export const platformScopes: ReadonlySet<Scope> = new Set(scopesOfInstallation);
export const agentScopes: readonly Scope[] = scopesOfAgents;

/** Bundles of scopes that people are given. Each holds all that the one before it holds. */
export const roles = ['viewer', 'developer', 'operator', 'admin', 'platform'] as const;
export type Role = (typeof roles)[number];

const viewer: readonly Scope[] = ['instances:read', 'definitions:read', 'templates:read', 'workers:read', 'events:read', 'quotas:read', 'projects:read', 'orgs:read'];
const developer: readonly Scope[] = [...viewer, 'instances:write', 'definitions:write', 'tokens:read', 'tokens:write'];
/** Of an org: keeps its own workers, and sees who did what. */
const operator: readonly Scope[] = [...developer, 'workers:write', 'templates:write', 'audit:read'];
/** Of an org: gives and takes access. Neither its quota nor its suspension is in its own hands, nor who somebody is at the issuer of OIDC tokens. */
const admin: readonly Scope[] = [...operator, 'principals:read', 'principals:write', 'projects:write', 'orgs:write'];

/** What each role may do. Of the platform everything but what is an agent's. */
export const scopesOfRole: Readonly<Record<Role, readonly Scope[]>> = {
  viewer,
  developer,
  operator,
  admin,
  platform: scopes.filter((scope) => !agentScopes.includes(scope)),
};
