import { z } from 'zod';
import { workerPhases } from '../../domain/phases';
import { labels, labelsPatch, name } from '../documents/scalars';
import { mergePatch, section, trueOrFalse } from '../documents/schema';
import { changedFields } from '../history/schemas';
import { archivedField, dryRunField, labelsFilter, objectId, ownerFields, pageFields, readFields, several, waitFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, lifecycleStatusFields, pageOf, resourcesView } from '../http/views';
import { portRangeView } from '../templates/schemas';

export const createWorker = section({
  template: name.meta({ description: 'Name of the worker template.' }),
  name: name.optional().meta({ description: 'For people; made from the template and the id when absent.' }),
  labels: labels.optional().meta({ description: 'Beside those of the template.' }),
  org: objectId.optional().meta({ description: 'Id of the org whose template is meant, for those who run Berth; the worker is dedicated to it then.' }),
}).meta({ id: 'CreateWorker' });
export type CreateWorker = z.output<typeof createWorker>;

/** What may be changed of a worker; see `mutableWorkerFields`. */
export const patchWorker = mergePatch({
  labels: labelsPatch.meta({ description: 'null takes a label away. What is on the worker stays, whatever its constraints.' }),
  paused: trueOrFalse.meta({ description: 'While true nothing new lands on it and no new step begins, but towards terminate.' }),
}).meta({ id: 'PatchWorker' });
export type PatchWorker = z.output<typeof patchWorker>;

export const workerWaitQuery = section(waitFields(workerPhases));
export type WorkerWaitQuery = z.output<typeof workerWaitQuery>;

export const changeWorkerQuery = section({ ...waitFields(workerPhases), dryRun: dryRunField });
export type ChangeWorkerQuery = z.output<typeof changeWorkerQuery>;

export const getWorkerQuery = section({ ...readFields, ...waitFields(workerPhases) });
export type GetWorkerQuery = z.output<typeof getWorkerQuery>;

export const listWorkersQuery = section({
  ...pageFields,
  phase: several(workerPhases).optional(),
  template: name.optional().meta({ description: 'Name of the template.' }),
  label: labelsFilter.optional(),
  ...ownerFields,
  archived: archivedField,
});
export type ListWorkersQuery = z.output<typeof listWorkersQuery>;

export const workerInstancesQuery = section(pageFields);
export type WorkerInstancesQuery = z.output<typeof workerInstancesQuery>;

export const workerView = z
  .object({
    ...headerFields('Worker'),
    spec: z.object({
      name: z.string(),
      template: z.object({ id: z.string(), name: z.string() }),
      intent: z.enum(['running', 'terminated']),
      command: z.object({ id: z.string(), kind: z.enum(['retry']), generation: z.int() }).optional(),
      provider: z.string(),
      capacity: resourcesView,
      cpuRatio: z.number(),
      portRange: portRangeView,
      provisionTimeoutMs: z.int(),
    }),
    status: z.object({
      phase: z.enum(workerPhases),
      health: z.enum(['Healthy', 'Offline']).meta({ description: 'Healthy while its agent is heard.' }),
      ...lifecycleStatusFields,
      externalId: z.string().optional().meta({ description: "The provider's name for the host." }),
    }),
    host: z.object({ hostname: z.string(), address: z.string(), agentVersion: z.string() }).optional(),
    notice: z.string().optional().meta({ description: 'What a change waits for.' }),
  })
  .meta({ id: 'Worker' });
export type WorkerDocument = DeepReadonly<z.output<typeof workerView>>;

export const changedWorkerView = workerView.extend(changedFields).meta({ id: 'ChangedWorker' });
export type ChangedWorkerDocument = DeepReadonly<z.output<typeof changedWorkerView>>;

export const workerPage = pageOf(workerView, 'WorkerPage');

export const capacityView = z
  .object({
    declared: resourcesView,
    cpuRatio: z.number(),
    allocated: resourcesView,
    available: resourcesView.optional().meta({ description: 'What may still be promised; CPU cpuRatio times over. Absent on a shared worker, of which a tenant is shown what is its own.' }),
    instances: z.int(),
    revision: z.string(),
  })
  .meta({ id: 'WorkerCapacity' });
export type CapacityView = DeepReadonly<z.output<typeof capacityView>>;

const holderView = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('host') }),
  z.object({ kind: z.literal('instance'), id: objectId, port: z.string() }),
  z.object({ kind: z.literal('unknown') }).meta({ description: 'Held in the ledger by nobody that is there: a fault.' }),
]);

export const portsView = z
  .object({
    range: portRangeView,
    free: z.int().optional().meta({ description: 'Absent on a shared worker, of which a tenant is shown what is its own.' }),
    held: z.array(z.object({ port: z.int(), holder: holderView })),
    revision: z.string(),
  })
  .meta({ id: 'WorkerPorts' });
export type PortsView = DeepReadonly<z.output<typeof portsView>>;
