import type { Kind } from '../../domain/header';
import { defaultOrg } from '../../domain/header';
import { kinds } from '../../domain/kinds';

/**
 * Where things live in etcd. Every key is relative; the prefix (default `/ccm/`) is added by the client alone.
 */
export const keys = {
  epoch: 'epoch',
  /** Names that must be unique are claimed by a key of their own, put create-only with the object. */
  definitionName: (org: string, name: string, version: string) => `definition-names/${nameWithin(org, name)}/${version}`,
  templateName: (org: string, name: string) => `template-names/${nameWithin(org, name)}`,
  orgName: (name: string) => `org-names/${name}`,
  projectName: (org: string, name: string) => `project-names/${org}/${name}`,
  principalName: (org: string, name: string) => `principal-names/${org}/${name}`,
  /** `hash`: of issuer and subject, which may hold any character. */
  principalExternal: (hash: string) => `principal-external/${hash}`,
  idempotency: (scope: string) => `idempotency/${scope}`,
  outbox: (commitId: string) => `outbox/${commitId}`,
  outboxPrefix: 'outbox/',
  idempotencyPrefix: 'idempotency/',

  /** What is wanted of an object of any kind: its head. */
  spec: (kind: Kind, id: string) => `${kinds[kind].collection}/${id}/spec`,

  instance: (id: string) => `instances/${id}/`,
  instanceSpec: (id: string) => `instances/${id}/spec`,
  instanceStatus: (id: string) => `instances/${id}/state`,
  instanceAllocation: (id: string) => `instances/${id}/worker`,
  instanceObserved: (id: string) => `instances/${id}/observed`,

  worker: (id: string) => `workers/${id}/`,
  workerSpec: (id: string) => `workers/${id}/spec`,
  workerStatus: (id: string) => `workers/${id}/state`,
  workerCapacity: (id: string) => `workers/${id}/capacity`,
  workerPorts: (id: string) => `workers/${id}/ports`,
  workerObserved: (id: string) => `workers/${id}/observed`,
  workerLease: (id: string) => `workers/${id}/lease`,
  planEntry: (workerId: string, allocationId: string) => `workers/${workerId}/plan/${allocationId}`,

  definition: (id: string) => `definitions/${id}/`,
  definitionSpec: (id: string) => `definitions/${id}/spec`,
  definitionStatus: (id: string) => `definitions/${id}/state`,

  template: (id: string) => `templates/${id}/`,
  templateSpec: (id: string) => `templates/${id}/spec`,

  orgSpec: (id: string) => `orgs/${id}/spec`,
  projectSpec: (id: string) => `projects/${id}/spec`,
  principalSpec: (id: string) => `principals/${id}/spec`,
  tokenSpec: (id: string) => `tokens/${id}/spec`,
  /** Hash of a token's secret: no part of the spec, so that no event shows it. */
  tokenHash: (id: string) => `tokens/${id}/hash`,
  /** When it was used last, or not long before. */
  tokenUse: (id: string) => `tokens/${id}/used`,
  /** What an org, or a project of it, holds at present. */
  quota: (org: string, project?: string) => (project === undefined ? `quotas/${org}` : `quotas/${org}/${project}`),

  /** Held, on a lease, by the one process that migrates MongoDB. */
  migrationLock: 'migrations/lock',
  /** What is being swept of a collection of bodies; every commit that comes to name one of them compares it. */
  sweeping: (collection: string) => `sweeping/${collection}`,

  /** Held, on a lease, by each api process that runs: among them limits are shared. */
  api: (id: string) => `apis/${id}`,
  apisPrefix: 'apis/',

  leader: (role: LeaderRole) => `${role}/leader`,
} as const;

/**
 * A name as it is claimed within an org: everybody's are their own. Those of the org `default` stand alone, as they did before
 * there were others; no name holds a colon, so that nobody's name is another one's in an org.
 */
export function nameWithin(org: string, name: string): string {
  return org === defaultOrg ? name : `${org}:${name}`;
}

/** Where all names of definitions within an org begin; of the org `default` they begin nowhere else than all others. */
export function definitionNamesOf(org: string): string | undefined {
  return org === defaultOrg ? undefined : `definition-names/${nameWithin(org, '')}`;
}

/** The two offices that exactly one process holds at a time. */
export type LeaderRole = 'scheduler' | 'controller';

/** Splits `instances/i-1/plan/x` into its collection, object id and the rest. */
export function parseKey(key: string): { collection: string; id: string; part: string } {
  const end = key.indexOf('/');
  if (end < 0) return { collection: key, id: '', part: '' };
  const endOfId = key.indexOf('/', end + 1);
  if (endOfId < 0) return { collection: key.slice(0, end), id: key.slice(end + 1), part: '' };
  return { collection: key.slice(0, end), id: key.slice(end + 1, endOfId), part: key.slice(endOfId + 1) };
}
