import { z } from 'zod';
import { instancePriorityMax, instancePriorityMin, maxDurationMsMax } from '../../domain/limits';
import { instancePhases } from '../../domain/phases';
import { restartPolicy, retryPolicy } from '../definitions/schema';
import { duration, labels, labelsPatch, name, version } from '../documents/scalars';
import { mergePatch, section, trueOrFalse, wholeNumber } from '../documents/schema';
import { changedFields } from '../history/schemas';
import { archivedField, dryRunField, labelsFilter, objectId, ownerFields, ownerOfNew, pageFields, readFields, several, waitFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { constraintsView, headerFields, lifecycleStatusFields, pageOf, portRequestView, resourcesView } from '../http/views';

const definitionReference = section({ id: objectId.optional(), name: name.optional(), version: version.optional() }).refine(
  ({ id, name: byName, version: ofVersion }) => (id === undefined) === (byName !== undefined) && (byName === undefined) === (ofVersion === undefined),
  { error: 'either an id, or a name and a version', when: ({ value }) => typeof value === 'object' && value !== null },
).meta({ oneOf: [{ required: ['id'], maxProperties: 1 }, { required: ['name', 'version'], maxProperties: 2 }] });

export const createInstance = section({
  definition: definitionReference,
  ...ownerOfNew,
  labels: labels.optional(),
  priority: wholeNumber(instancePriorityMin, instancePriorityMax).optional().meta({ description: 'Higher is placed first; 0 by default.' }),
  maxDuration: duration(1000, maxDurationMsMax).optional().meta({ description: 'Instead of what the definition says, such as 1h30m.' }),
}).meta({ id: 'CreateInstance' });
export type CreateInstance = z.output<typeof createInstance>;

/** What may be changed of an instance; see `mutableInstanceFields`. */
export const patchInstance = mergePatch({
  labels: labelsPatch.meta({ description: 'null takes a label away.' }),
  paused: trueOrFalse.meta({ description: 'While true no new step begins, but towards terminate and at the end of maxDuration.' }),
  maxDuration: duration(1000, maxDurationMsMax).nullable().meta({ description: 'Counted from the first RUNNING, such as 1h30m; null takes the bound away.' }),
  restart: restartPolicy,
  retry: retryPolicy.meta({ description: 'What is absent stays.' }),
}).meta({ id: 'PatchInstance' });
export type PatchInstance = z.output<typeof patchInstance>;

export const instanceWaitQuery = section(waitFields(instancePhases));
export type InstanceWaitQuery = z.output<typeof instanceWaitQuery>;

export const changeInstanceQuery = section({ ...waitFields(instancePhases), dryRun: dryRunField });
export type ChangeInstanceQuery = z.output<typeof changeInstanceQuery>;

export const getInstanceQuery = section({ ...readFields, ...waitFields(instancePhases) });
export type GetInstanceQuery = z.output<typeof getInstanceQuery>;

export const listInstancesQuery = section({
  ...pageFields,
  phase: several(instancePhases).optional(),
  worker: objectId.optional().meta({ description: 'Id of the worker that it is placed on.' }),
  definition: name.optional().meta({ description: 'Name of the definition.' }),
  label: labelsFilter.optional(),
  ...ownerFields,
  archived: archivedField,
});
export type ListInstancesQuery = z.output<typeof listInstancesQuery>;

const instanceSpecView = z.object({
  definition: z.object({ id: z.string(), name: z.string(), version: z.string(), contentHash: z.string() }),
  intent: z.enum(['running', 'stopped', 'terminated']),
  command: z.object({ id: z.string(), kind: z.enum(['retry']), generation: z.int() }).optional(),
  resources: resourcesView,
  ports: z.array(portRequestView),
  constraints: constraintsView,
  priority: z.int(),
  maxDurationMs: z.int().optional(),
  restart: z.object({ policy: z.enum(['always', 'on-failure', 'never']) }),
  retry: z.object({ attemptsMax: z.int(), initialBackoffMs: z.int(), maxBackoffMs: z.int(), factor: z.number() }),
});

const componentStatusView = z.object({
  state: z.enum(['starting', 'ready', 'running', 'exited', 'failed', 'stopped']),
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  message: z.string().optional(),
});

const instanceStatusView = z.object({
  phase: z.enum(instancePhases),
  ...lifecycleStatusFields,
  componentStatus: z.record(z.string(), componentStatusView),
  halted: z.object({ reason: z.string(), generation: z.int() }).optional().meta({ description: 'Why it stopped against its intent.' }),
  restarts: z.object({ count: z.int(), lastAt: z.string().optional() }),
  startedAt: z.string().optional(),
  deadlineAt: z.string().optional().meta({ description: 'When its maxDuration ends it.' }),
});

export const instanceView = z
  .object({
    ...headerFields('Instance'),
    spec: instanceSpecView,
    status: instanceStatusView,
    worker: z.object({ id: z.string(), name: z.string().optional() }).optional().meta({ description: 'Where it is placed.' }),
    ports: z.record(z.string(), z.int()).optional().meta({ description: 'Name of each port and its number on the worker.' }),
    address: z.string().optional().meta({ description: 'Where its ports are reached.' }),
  })
  .meta({ id: 'Instance' });
export type InstanceDocument = DeepReadonly<z.output<typeof instanceView>>;

export const changedInstanceView = instanceView.extend(changedFields).meta({ id: 'ChangedInstance' });
export type ChangedInstanceDocument = DeepReadonly<z.output<typeof changedInstanceView>>;

export const instancePage = pageOf(instanceView, 'InstancePage');
