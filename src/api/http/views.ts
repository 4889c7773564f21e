import { z } from 'zod';
import type { Header } from '../../domain/header';
import type { Entry } from '../../stores/etcd/client';

/** What every object shows, and the parts that several kinds have. Revisions are text: they are 64 bits wide. */

export type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

const revision = z.string().regex(/^\d+$/);
const time = z.string().meta({ description: 'ISO 8601.' });
const texts = z.record(z.string(), z.string());

/** The fields of the common header, for `z.object`. */
export const headerFields = <Kind extends Header['kind']>(kind: Kind) => ({
  id: z.string(),
  org: z.string(),
  project: z.string(),
  kind: z.literal(kind),
  generation: z.int().meta({ description: 'Rises by one with each change of the spec.' }),
  resourceVersion: revision.meta({ description: 'The highest revision of anything of this object.' }),
  createdAt: time,
  updatedAt: time,
  deletionRequestedAt: time.optional(),
  labels: texts,
  paused: z.boolean(),
  revision: revision.meta({ description: 'The revision that this answer shows; for a change, that of its commit.' }),
  archived: z.literal(true).optional().meta({ description: 'It has ended long ago, was archived, and never changes again.' }),
});

export const resourcesView = z.object({ cpuMillicores: z.int(), memoryMib: z.int(), storageMib: z.int() }).meta({ id: 'Resources' });

export const portRequestView = z
  .object({ name: z.string(), protocol: z.enum(['tcp', 'udp']), port: z.int().optional() })
  .meta({ id: 'PortRequest' });

export const constraintsView = z.object({ labels: texts });

export const conditionView = z
  .object({
    type: z.string(),
    status: z.enum(['True', 'False', 'Unknown']),
    reason: z.string(),
    message: z.string(),
    observedGeneration: z.int(),
    lastTransitionTime: time,
  })
  .meta({ id: 'Condition' });

const operationView = z
  .object({
    id: z.string(),
    step: z.string(),
    attempt: z.int(),
    state: z.enum(['acting', 'backoff', 'undo']),
    startedAt: time,
    deadlineAt: time,
    notBefore: time.optional(),
  })
  .meta({ id: 'Operation' });

const lastFailureView = z
  .object({
    time,
    step: z.string(),
    class: z.enum(['transient', 'configuration', 'resource', 'host']),
    reason: z.string(),
    message: z.string(),
    retryCount: z.int(),
  })
  .meta({ id: 'LastFailure' });

/** The fields of a status that a lifecycle writes. */
export const lifecycleStatusFields = {
  message: z.string(),
  conditions: z.array(conditionView),
  observedGeneration: z.int().meta({ description: 'The spec generation that this status has taken into account.' }),
  lastReconcileTime: time,
  lastFailure: lastFailureView.optional(),
  currentOperation: operationView.optional(),
  resources: z.record(z.string(), z.object({ kind: z.string(), name: z.string(), uid: z.string() })),
  attempt: z.int(),
};

/** A page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item, id: string) {
  return z
    .object({
      items: z.array(item),
      revision: revision.meta({ description: 'The revision that this page shows.' }),
      nextCursor: z.string().optional().meta({ description: 'Asks for the next page; absent on the last one.' }),
    })
    .meta({ id });
}

/** The common header of an object as it is shown. */
export function headerView<Kind extends Header['kind']>(
  spec: Entry<Header & { readonly kind: Kind }>,
  versions: { readonly resourceVersion: number; readonly revision: number; readonly archived?: true | undefined },
) {
  const { id, org, project, kind, generation, createdAt, updatedAt, deletionRequestedAt, labels, paused } = spec.value;
  return {
    id,
    org,
    project,
    kind,
    generation,
    resourceVersion: String(versions.resourceVersion),
    createdAt,
    updatedAt,
    ...(deletionRequestedAt !== undefined && { deletionRequestedAt }),
    labels,
    paused,
    revision: String(versions.revision),
    ...(versions.archived && { archived: versions.archived }),
  };
}
