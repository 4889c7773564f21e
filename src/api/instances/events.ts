import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { upcast } from '../../domain/event-types';
import type { CloudEvent } from '../../domain/events';
import { toCloudEvent } from '../../domain/events';
import { pageSizeDefault } from '../../domain/limits';
import { eventsOf, outboxOf } from '../../stores/etcd/outbox';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { notation, section } from '../documents/schema';
import { pageFields, readFields } from '../http/queries';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

export const eventsQuery = section({
  ...readFields,
  limit: pageFields.limit,
  afterSequence: notation(z.string({ error: 'a number' }), 'a whole number', (written) => (/^\d{1,15}$/.test(written) ? Number(written) : undefined))
    .optional()
    .meta({ description: 'Where the former page ended: its nextAfterSequence.' }),
});
export type EventsQuery = z.output<typeof eventsQuery>;

const eventView = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().meta({ description: 'Global, and sorts as text in the order of events.' }),
    source: z.string(),
    type: z.string(),
    subject: z.string(),
    time: z.string(),
    datacontenttype: z.literal('application/json'),
    dataschemaversion: z.int(),
    org: z.string(),
    project: z.string(),
    kind: z.string(),
    sequence: z.int().meta({ description: 'Gapless per object, from 1.' }),
    epoch: z.int(),
    revision: z.string(),
    actor: z.string(),
    requestid: z.string().optional(),
    idempotencykey: z.string().optional(),
    correlationid: z.string().optional(),
    causationid: z.string().optional(),
    workflowrun: z.string().optional().meta({ description: "Run id of the engine's workflow that did it." }),
    worker: z.string().optional().meta({ description: 'Id of the worker that the object is, or is placed on.' }),
    labels: z.string().optional().meta({ description: "JSON of the object's labels." }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event', description: 'A CloudEvent 1.0.' });

export const eventPage = z
  .object({
    items: z.array(eventView),
    nextAfterSequence: z.int().optional().meta({ description: 'Asks for the next page; absent when there was nothing more.' }),
    revision: z.string(),
  })
  .meta({ id: 'EventPage' });
export type EventPage = DeepReadonly<z.output<typeof eventPage>>;

/** Everything that ever happened to an object: the permanent record, and what has not got there yet. */
@Injectable()
export class Events {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async ofInstance(id: string, query: EventsQuery): Promise<EventPage> {
    const revision = await this.reads.upTo(query);
    const { afterSequence = 0, limit = pageSizeDefault } = query;
    // The outbox before the record: an event leaves the one only after it has come to the other.
    const waiting = this.waiting(id).filter(({ sequence }) => sequence > afterSequence);
    const recorded = await this.dependencies.auditEvents.ofSubject(id, { afterSequence, limit: limit + 1 });
    const all = inOrder([...recorded, ...waiting]);
    if (all.length === 0) await this.requireInstance(id);
    const items = all.slice(0, limit);
    const last = items[items.length - 1];
    return { items, revision: String(revision), ...(all.length > limit && last && { nextAfterSequence: last.sequence }) };
  }

  private async requireInstance(id: string): Promise<void> {
    const { cached, fresh } = this.dependencies;
    if (!cached.instance(id)) await fresh.instance(id);
  }

  /** Events that were committed and not projected yet. */
  private waiting(subject: string): CloudEvent[] {
    return outboxOf(this.dependencies.cache)
      .flatMap(eventsOf)
      .filter((event) => event.subject === subject)
      .map((event) => upcast(toCloudEvent(event)));
  }
}

/** By sequence, each event once: the same one may be in the outbox and in the record. */
function inOrder(events: readonly CloudEvent[]): CloudEvent[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  return [...byId.values()].sort((one, other) => one.sequence - other.sequence);
}
