/**
 * Where things live in etcd. Every key is relative; the prefix (default `/ccm/`) is added by the client alone.
 */
export const keys = {
  epoch: 'epoch',
  /** Names that must be unique are claimed by a key of their own, put create-only with the object. */
  definitionName: (name: string, version: string) => `definition-names/${name}/${version}`,
  templateName: (name: string) => `template-names/${name}`,
  idempotency: (scope: string) => `idempotency/${scope}`,
  outbox: (commitId: string) => `outbox/${commitId}`,
  outboxPrefix: 'outbox/',
  idempotencyPrefix: 'idempotency/',

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

  /** Held, on a lease, by the one process that migrates MongoDB. */
  migrationLock: 'migrations/lock',
  /** What is being swept of a collection of bodies; every commit that comes to name one of them compares it. */
  sweeping: (collection: string) => `sweeping/${collection}`,

  leader: (role: LeaderRole) => `${role}/leader`,
} as const;

/** The two offices that exactly one process holds at a time. */
export type LeaderRole = 'scheduler' | 'controller';

/** Splits `instances/i-1/plan/x` into its collection, object id and the rest. */
export function parseKey(key: string): { collection: string; id: string; part: string } {
  const [collection = '', id = '', ...rest] = key.split('/');
  return { collection, id, part: rest.join('/') };
}
