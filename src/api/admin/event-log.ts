import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Kind } from '../../domain/header';
import { nextSequence } from '../../domain/header';
import { pageSizeDefault } from '../../domain/limits';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import type { CachedObjects } from '../../stores/etcd/objects';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ObjectEvents } from '../history/object-events';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';
import type { EventsQuery } from '../instances/events';
import { eventView } from '../instances/events';
import type { ObjectKind } from './kinds';

const place = z.enum(['record', 'outbox', 'both']).meta({ description: 'outbox: committed, not recorded yet; both: recorded, not trimmed yet.' });

export const eventLogView = z
  .object({
    items: z.array(z.object({ in: place, event: eventView })),
    gaps: z.array(z.object({ after: z.int(), before: z.int() })).meta({ description: 'Events with sequences between these two are missing: a fault.' }),
    lastSequence: z.int().optional().meta({ description: 'Of the last event that the live object knows of; absent when it is not live.' }),
    nextAfterSequence: z.int().optional().meta({ description: 'Asks for the next page; absent when there was nothing more.' }),
    revision: z.string(),
  })
  .meta({ id: 'ObjectLog' });
export type EventLogDocument = DeepReadonly<z.output<typeof eventLogView>>;

/** The log of one object as the two stores hold it, with what is missing from it. */
@Injectable()
export class ObjectLog {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(ObjectEvents) private readonly events: ObjectEvents,
  ) {}

  async of(kind: ObjectKind, id: string, query: EventsQuery): Promise<EventLogDocument> {
    const revision = Math.max(await this.reads.upTo(query), await this.reads.upToPresent());
    const { afterSequence = 0, limit = pageSizeDefault } = query;
    // Counter and outbox are read at one revision, and the record after them: an event leaves the outbox only for the record.
    const lastSequence = lastSequenceOf(this.dependencies.cached, kind, id);
    const { events, hasMore, recorded, waiting } = await this.events.after(id, afterSequence, limit);
    const last = events[events.length - 1];
    const { name, eventKind } = kindsOfObject[kind];
    const isOther = last !== undefined && last.kind !== eventKind;
    if (isOther || (!last && afterSequence === 0 && lastSequence === undefined)) throw new ObjectNotFoundError(name, id);
    return {
      items: events.map((event) => ({ in: !recorded.has(event.id) ? 'outbox' : waiting.has(event.id) ? 'both' : 'record', event })),
      gaps: gapsIn([afterSequence, ...events.map(({ sequence }) => sequence), ...(hasMore || lastSequence === undefined ? [] : [lastSequence + 1])]),
      ...(lastSequence !== undefined && { lastSequence }),
      ...(hasMore && last && { nextAfterSequence: last.sequence }),
      revision: String(revision),
    };
  }
}

const kindsOfObject = {
  instances: { name: 'instance', eventKind: 'Instance' },
  workers: { name: 'worker', eventKind: 'Worker' },
  definitions: { name: 'definition', eventKind: 'Definition' },
  'worker-templates': { name: 'template', eventKind: 'WorkerTemplate' },
} as const satisfies Record<ObjectKind, { readonly name: string; readonly eventKind: Kind }>;

/** The number of the last event that a live object has given; undefined when it is not live. */
function lastSequenceOf(cached: CachedObjects, kind: ObjectKind, id: string): number | undefined {
  const entries = find(cached, kind, id);
  return entries && nextSequence(entries.spec.value, 'status' in entries ? entries.status.value : undefined) - 1;
}

function find(cached: CachedObjects, kind: ObjectKind, id: string) {
  switch (kind) {
    case 'instances':
      return cached.instance(id);
    case 'workers':
      return cached.worker(id);
    case 'definitions':
      return cached.definition(id);
    case 'worker-templates':
      return cached.template(id);
  }
}

function gapsIn(sequences: readonly number[]): Array<{ after: number; before: number }> {
  return sequences.slice(1).flatMap((before, index) => {
    const after = sequences[index]!;
    return before > after + 1 ? [{ after, before }] : [];
  });
}
