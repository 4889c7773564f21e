import { z } from 'zod';
import { quotaCountMax, quotaCpuMillicoresMax, quotaMebibytesMax } from '../../domain/limits';
import type { Amounts, QuotaLimits } from '../../domain/tenancy';
import { mebibytes, millicores } from '../documents/scalars';
import { mergePatch, section, wholeNumber } from '../documents/schema';
import { objectId, readFields } from '../http/queries';
import type { DeepReadonly } from '../http/views';

const limitFields = {
  instances: wholeNumber(0, quotaCountMax),
  cpu: millicores(quotaCpuMillicoresMax),
  memory: mebibytes(quotaMebibytesMax),
  storage: mebibytes(quotaMebibytesMax),
  ports: wholeNumber(0, quotaCountMax),
  definitions: wholeNumber(0, quotaCountMax),
};

type LimitName = keyof typeof limitFields;

/** Bounds as they are asked for; what is not named is not bounded. */
export const quotaLimits = section({
  instances: limitFields.instances.optional(),
  cpu: limitFields.cpu.optional(),
  memory: limitFields.memory.optional(),
  storage: limitFields.storage.optional(),
  ports: limitFields.ports.optional(),
  definitions: limitFields.definitions.optional(),
}).meta({ id: 'QuotaLimits' });
export type GivenQuotaLimits = z.output<typeof quotaLimits>;

/** Bounds in a merge patch: null takes one away, and null for the whole takes all. */
export const quotaLimitsPatch = mergePatch({
  instances: limitFields.instances.nullable(),
  cpu: limitFields.cpu.nullable(),
  memory: limitFields.memory.nullable(),
  storage: limitFields.storage.nullable(),
  ports: limitFields.ports.nullable(),
  definitions: limitFields.definitions.nullable(),
}).nullable().meta({ id: 'QuotaLimitsPatch', description: 'What is absent stays; null takes a bound away.' });
export type QuotaLimitsPatch = z.output<typeof quotaLimitsPatch>;

const dimensionOf: Readonly<Record<LimitName, keyof Amounts>> = {
  instances: 'instances',
  cpu: 'cpuMillicores',
  memory: 'memoryMib',
  storage: 'storageMib',
  ports: 'ports',
  definitions: 'definitions',
};

/** The bounds that a body asks for, changed from those that were there: none for something new. */
export function patchedLimits(former: QuotaLimits, given: GivenQuotaLimits | QuotaLimitsPatch): QuotaLimits {
  if (given === null) return {};
  const limits: Partial<Record<keyof Amounts, number>> = { ...former };
  for (const [name, limit] of Object.entries(given) as Array<[LimitName, number | null | undefined]>) {
    if (limit === null) delete limits[dimensionOf[name]];
    else if (limit !== undefined) limits[dimensionOf[name]] = limit;
  }
  return limits;
}

const amounts = { instances: z.int(), cpuMillicores: z.int(), memoryMib: z.int(), storageMib: z.int(), ports: z.int(), definitions: z.int() };

/** Bounds as they are shown. */
export const limitsView = z.object(amounts).partial();

export const quotaQuery = section({
  ...readFields,
  org: objectId.optional().meta({ description: 'Of another org than the caller’s own: for those who run Berth.' }),
  project: objectId.optional().meta({ description: 'Of one project instead of the whole org.' }),
});
export type QuotaQuery = z.output<typeof quotaQuery>;

export const quotaView = z
  .object({
    org: z.string(),
    project: z.string().optional().meta({ description: 'Absent: this is of the whole org.' }),
    limits: limitsView.meta({ description: 'What is not named is not bounded.' }),
    used: z.object(amounts),
    remaining: limitsView.meta({ description: 'Of what is bounded.' }),
    revision: z.string().meta({ description: 'The revision that this answer shows.' }),
  })
  .meta({ id: 'Quota' });
export type QuotaDocument = DeepReadonly<z.output<typeof quotaView>>;
