import { z } from 'zod';
import { cpuRatioDefault, descriptionCharactersMax, portRangeFromDefault, portRangeToDefault, provisionTimeoutMsDefault } from '../../domain/limits';
import { duration, labels, name, portNumber, resources } from '../documents/scalars';
import { prose, section } from '../documents/schema';
import { labelsFilter, ownerFields, ownerOfNew, pageFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';
import { headerFields, pageOf, resourcesView } from '../http/views';

const cpuRatioMax = 100;
const provisionTimeoutMsMax = 60 * 60 * 1000;

const portRange = section({ from: portNumber, to: portNumber }).refine(({ from, to }) => from <= to, {
  path: ['to'],
  error: 'a port no lower than from',
});

export const createTemplate = section({
  name,
  description: prose(`text of at most ${descriptionCharactersMax} characters`, descriptionCharactersMax).optional(),
  provider: name.meta({ description: 'Who makes its workers; `local` starts an agent process beside the control process.' }),
  capacity: resources,
  cpuRatio: z
    .number({ error: 'a number' })
    .min(1, { error: 'a ratio of at least 1' })
    .max(cpuRatioMax, { error: `a ratio of at most ${cpuRatioMax}` })
    .optional()
    .meta({ description: `CPU may be promised this many times over; ${cpuRatioDefault} by default.` }),
  portRange: portRange.optional().meta({ description: `${portRangeFromDefault} to ${portRangeToDefault} by default.` }),
  labels: labels.optional().meta({ description: 'Labels of the workers that are made from it, for constraints.' }),
  provisionTimeout: duration(1000, provisionTimeoutMsMax).optional().meta({ description: `${provisionTimeoutMsDefault / 1000}s by default.` }),
  ...ownerOfNew,
  org: ownerOfNew.org.meta({ description: 'Id of the org that its workers are dedicated to. By those who run Berth, when absent: they serve every org.' }),
}).meta({ id: 'CreateWorkerTemplate' });
export type CreateTemplate = z.output<typeof createTemplate>;

export const listTemplatesQuery = section({ ...pageFields, ...ownerFields, label: labelsFilter.optional() });
export type ListTemplatesQuery = z.output<typeof listTemplatesQuery>;

export const portRangeView = z.object({ from: z.int(), to: z.int().meta({ description: 'Inclusive.' }) }).meta({ id: 'PortRange' });

export const templateView = z
  .object({
    ...headerFields('WorkerTemplate'),
    spec: z.object({
      name: z.string(),
      description: z.string(),
      provider: z.string(),
      capacity: resourcesView,
      cpuRatio: z.number(),
      portRange: portRangeView,
      workerLabels: z.record(z.string(), z.string()),
      provisionTimeoutMs: z.int(),
    }),
  })
  .meta({ id: 'WorkerTemplate' });
export type TemplateView = DeepReadonly<z.output<typeof templateView>>;

export const templatePage = pageOf(templateView, 'WorkerTemplatePage');
