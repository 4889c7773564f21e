import { z } from 'zod';
import { changeTypes } from '../../domain/object-state';
import { notation, section, withRule, written } from '../documents/schema';
import { pageFields, readFields, revisionNumber, wholeNumberOrText } from '../http/queries';
import type { DeepReadonly } from '../http/views';

const sequenceNumber = wholeNumberOrText('a sequence number');

/** For pages of what follows one another by sequence. */
export const sequencePageFields = {
  ...readFields,
  limit: pageFields.limit,
  afterSequence: sequenceNumber.optional().meta({ description: 'Where the former page ended: its nextAfterSequence.' }),
};

export const historyQuery = section(sequencePageFields);
export type HistoryQuery = z.output<typeof historyQuery>;

const isoTimePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
const isoTime = notation(written('a time', isoTimePattern, 'date-time'), 'a time in ISO 8601 with its zone, such as 2026-11-21T10:00:00Z', (given) => {
  const ms = isoTimePattern.test(given) ? Date.parse(given) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
});

const momentFields = {
  revision: revisionNumber.optional().meta({ description: 'As it was at this revision, after all that happened at it.' }),
  sequence: sequenceNumber.optional().meta({ description: 'As its event of this number left it.' }),
};

/** Which state of an object is meant. */
export interface Moment {
  readonly revision?: number | undefined;
  readonly sequence?: number | undefined;
  readonly timeMs?: number | undefined;
}

export const snapshotQuery = withRule(
  section({ ...readFields, ...momentFields, time: isoTime.optional().meta({ description: 'As it was at this time, ISO 8601.' }) }),
  (given) => onlyOne(given, ['revision', 'sequence', 'time']),
);
export type SnapshotQuery = z.output<typeof snapshotQuery>;

export const rollbackRequest = withRule(section(momentFields), (given) => onlyOne(given, ['revision', 'sequence'])).meta({
  id: 'Rollback',
  oneOf: [{ required: ['revision'] }, { required: ['sequence'] }],
});
export type RollbackRequest = z.output<typeof rollbackRequest>;

function onlyOne<Given extends object>(given: Given, names: ReadonlyArray<keyof Given & string>) {
  const found = names.filter((name) => given[name] !== undefined);
  if (found.length === 1) return undefined;
  return { path: [], expected: `one of ${names.join(', ')}`, found: found.length === 0 ? 'none' : found.join(' and ') };
}

/** What an event says of itself. */
const changeFields = {
  sequence: z.int().meta({ description: 'Gapless per object, from 1.' }),
  revision: z.string().meta({ description: 'Of the commit that it is part of.' }),
  time: z.string().meta({ description: 'ISO 8601.' }),
  eventId: z.string(),
  type: z.string(),
  changeType: z.enum(changeTypes),
  actor: z.string().meta({ description: 'Who did it.' }),
  requestId: z.string().optional(),
  correlationId: z.string().optional().meta({ description: 'The same for everything that one first request led to.' }),
  workflowRun: z.string().optional().meta({ description: "Run id of the engine's workflow that did it." }),
  message: z.string().optional(),
};

export const fieldChangeView = z
  .object({
    path: z.string().meta({ description: 'Such as `spec.labels.zone`; parts of lists by their name: `status.conditions.Ready.reason`.' }),
    before: z.unknown().optional().meta({ description: 'Absent when it was not there.' }),
    after: z.unknown().optional().meta({ description: 'Absent when it is not there any more.' }),
  })
  .meta({ id: 'FieldChange' });

/** What a change of a spec answers beside the object. */
export const changedFields = {
  changes: z.array(fieldChangeView).meta({ description: 'What differs, or would; empty when it was so already.' }),
  dryRun: z.boolean().meta({ description: 'Whether nothing was written: the object is shown as it is.' }),
};

export const historyPage = z
  .object({
    items: z.array(
      z
        .object({ ...changeFields, changes: z.array(fieldChangeView).meta({ description: 'What differs, without what moves with every change.' }) })
        .meta({ id: 'HistoryEntry' }),
    ),
    nextAfterSequence: z.int().optional().meta({ description: 'Asks for the next page; absent when there was nothing more.' }),
    revision: z.string(),
  })
  .meta({ id: 'HistoryPage' });
export type HistoryPage = DeepReadonly<z.output<typeof historyPage>>;

const fields = z.record(z.string(), z.unknown());

export const snapshotView = z
  .object({
    ...changeFields,
    object: z
      .object({ kind: z.string(), id: z.string(), org: z.string(), spec: fields, status: fields.optional(), allocation: fields.optional() })
      .meta({ description: 'The whole object as it then was.' }),
  })
  .meta({ id: 'Snapshot' });
export type SnapshotView = DeepReadonly<z.output<typeof snapshotView>>;
