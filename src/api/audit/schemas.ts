import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { auditPageSizeDefault, auditPageSizeMax } from '../../domain/limits';
import { notation, oneOf, section, text, withRule, written } from '../documents/schema';
import { numberParameter, objectId, readFields } from '../http/queries';

const outcomes = ['done', 'refused'] as const;

/** A moment as people write it, in the one form that is stored: such texts sort by time. */
const momentPattern = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;
const moment = notation(written('a time', momentPattern, 'date-or-time'), 'a time such as 2026-01-31T12:00:00Z', (given) =>
  momentPattern.test(given) && !Number.isNaN(Date.parse(given)) ? new Date(given).toISOString() : undefined,
);

const fields = section({
  ...readFields,
  principal: text('the id of a principal', /^[A-Za-z0-9:-]{1,80}$/).optional().meta({ description: 'Who asked: an id, with or without its type, as in user:p-1.' }),
  object: objectId.optional().meta({ description: 'Id of the object that it was about.' }),
  from: moment.optional().meta({ description: 'The first moment that counts.' }),
  to: moment.optional().meta({ description: 'The first moment that counts no more.' }),
  outcome: oneOf(outcomes).optional(),
  code: text('a problem code', /^[a-z_]{1,64}$/).optional().meta({ description: 'Refusals with this problem code.' }),
  org: objectId.optional().meta({ description: 'Of one organisation; others than those who run Berth see their own alone.' }),
  limit: numberParameter(1, auditPageSizeMax)
    .optional()
    .meta({ description: `Lines in a page; ${auditPageSizeDefault} by default. An export has no pages.` }),
  cursor: text('the nextCursor of an earlier page', /^[A-Za-z0-9_-]{1,400}$/).meta({ format: 'audit-cursor' }).optional().meta({ description: 'Where the former page ended: its nextCursor.' }),
});

export const auditQuery = withRule(fields, ({ from, to }) =>
  from !== undefined && to !== undefined && to < from ? { path: ['to'], expected: 'a time that is not before from', found: 'an earlier one' } : undefined,
);
export type AuditQuery = z.output<typeof auditQuery>;

const auditLineView = z.object({
  id: z.string(),
  time: z.string(),
  outcome: z.enum(outcomes),
  principal: z.string().optional().meta({ description: 'Who: `user:…`, `service:…` or `worker:…`; `temporal-ui`; `others` for refusals of many; absent where nobody was known.' }),
  type: z.string(),
  address: z.string().optional().meta({ description: 'Where the request came from.' }),
  credential: z.string().optional().meta({ description: 'Id of the token; where nobody was let in, the one that was claimed.' }),
  scope: z.string().optional(),
  route: z.string().optional().meta({ description: 'Method and template of what was refused.' }),
  event: z.string().optional().meta({ description: 'Type of the event that was done; `id` is its id.' }),
  object: z.object({ kind: z.string().optional(), id: z.string() }).optional(),
  org: z.string().meta({ description: 'Whose the object is; of a refusal, whose the principal is.' }),
  requestId: z.string().optional(),
  traceId: z.string().optional(),
  code: z.string().optional(),
  status: z.int().optional(),
  counts: z.record(z.string(), z.int()).optional().meta({ description: 'Refusals of one minute that were only counted, by problem code.' }),
});

const auditPage = z.object({
  items: z.array(auditLineView).meta({ description: 'In the order of time.' }),
  nextCursor: z.string().optional().meta({ description: 'Asks for the next page; absent when there was nothing more.' }),
  revision: z.string(),
});

type SchemaObject = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

/** In which form all lines come at once: one JSON object a line. */
export const jsonLines = 'application/x-ndjson';

/** Either form of the answer, each with its own schema. */
export function auditContent() {
  const { $schema: _, ...schema } = z.toJSONSchema(auditPage, { target: 'openapi-3.0' });
  return { 'application/json': { schema: schema as SchemaObject }, [jsonLines]: { schema: { type: 'string' as const } } };
}
