import { z } from 'zod';
import type { EventPosition } from '../../domain/event-position';
import { beginning, partsOf } from '../../domain/event-position';
import type { Kind } from '../../domain/header';
import { eventFilterValuesMax, eventPageSizeDefault, eventPageSizeMax, eventPollWaitMsMax } from '../../domain/limits';
import { duration } from '../documents/scalars';
import { notation, oneOf, section, text, withRule, written } from '../documents/schema';
import { labelsFilter, numberParameter, objectId, ownerFields, readFields } from '../http/queries';

const kinds = ['Instance', 'Worker', 'Definition', 'WorkerTemplate', 'Org', 'Project', 'Principal', 'Token'] as const satisfies readonly Kind[];
const eventType = text('a type of event, or the beginning of one and a *', /^[a-z][a-z0-9.-]{0,100}\*?$|^\*$/);

/** A parameter that may be repeated: one of these values. */
function anyOf<Output>(one: z.ZodType<Output, string>, expected: string) {
  return z
    .union([one, z.array(one).max(eventFilterValuesMax)], { error: `${expected}, at most ${eventFilterValuesMax} times` })
    .transform((given) => (Array.isArray(given) ? given : [given]));
}

/** What may be filtered by. */
const filterFields = {
  kind: anyOf(oneOf(kinds), `one or several of ${kinds.join(', ')}`).optional(),
  subject: anyOf(objectId, 'an id').optional().meta({ description: 'Id of an object; repeated for several.' }),
  worker: anyOf(objectId, 'an id').optional().meta({ description: 'Id of a worker: its own events, and those of what is placed on it.' }),
  type: anyOf(eventType, 'a type of event').optional().meta({ description: 'A type such as berth.instance.running, or its beginning and a *; repeated for several.' }),
  label: labelsFilter.optional().meta({ description: 'A label as name=value; repeated for more, of which all must be there.' }),
  ...ownerFields,
};

/** A position as a reader names it; whether the store has come so far is another question. */
export const eventCursorPattern = /^(0|\d{4}-0000\d{15}-\d{4})$/;
export const eventCursor = notation(written('a cursor', eventCursorPattern), 'the id of an event, a nextCursor, or 0', (position): EventPosition | undefined =>
  position === beginning || partsOf(position) !== undefined ? position : undefined,
);

const fields = section({
  ...readFields,
  ...filterFields,
  cursor: eventCursor.optional().meta({ description: 'Events after this one: the id of an event, a nextCursor, or 0 for all there are.' }),
  revision: readFields.minRevision.meta({ description: 'Events after this revision, such as that of a list.' }),
  limit: numberParameter(1, eventPageSizeMax)
    .optional()
    .meta({ description: `Events in an answer to a poll; ${eventPageSizeDefault} by default.` }),
  wait: duration(0, eventPollWaitMsMax).optional().meta({ description: 'How long a poll waits for an event when there is none yet, such as 30s.' }),
});

export const eventsQuery = withRule(fields, ({ cursor, revision }) =>
  cursor !== undefined && revision !== undefined ? { path: ['revision'], expected: 'either a cursor or a revision', found: 'both' } : undefined,
);
export type EventsQuery = z.output<typeof eventsQuery>;
