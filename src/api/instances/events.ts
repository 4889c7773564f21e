import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { toldEvent } from '../../domain/events';
import { pageSizeDefault } from '../../domain/limits';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { Archive } from '../archive';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { section } from '../documents/schema';
import { ObjectEvents } from '../history/object-events';
import { sequencePageFields } from '../history/schemas';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

export const eventsQuery = section(sequencePageFields);
export type EventsQuery = z.output<typeof eventsQuery>;

export const eventView = z
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
    scope: z.string().optional().meta({ description: 'What let the request in.' }),
    traceparent: z.string().optional().meta({ description: 'W3C trace context of the request that led to it.' }),
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

/** Everything that ever happened to an instance. */
@Injectable()
export class Events {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(ObjectEvents) private readonly events: ObjectEvents,
  ) {}

  async ofInstance(id: string, query: EventsQuery): Promise<EventPage> {
    const revision = await this.reads.upTo(query);
    const { afterSequence = 0, limit = pageSizeDefault } = query;
    const { events: items, hasMore } = await this.events.after(id, afterSequence, limit);
    const last = items[items.length - 1];
    if (last === undefined) await this.requireInstance(id);
    else if (last.kind !== 'Instance') throw new ObjectNotFoundError('instance', id);
    return { items: items.map(toldEvent), revision: String(revision), ...(hasMore && last && { nextAfterSequence: last.sequence }) };
  }

  private async requireInstance(id: string): Promise<void> {
    if (!this.dependencies.cached.instance(id)) await this.archive.instance(id);
  }
}
