import { Inject, Injectable } from '@nestjs/common';
import { upcast } from '../../domain/event-types';
import type { CloudEvent } from '../../domain/events';
import { toCloudEvent } from '../../domain/events';
import { eventsOf, outboxOf } from '../../stores/etcd/outbox';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

/** Events that follow each other, and whether there are more after them. */
export interface EventsFound {
  readonly events: readonly CloudEvent[];
  readonly hasMore: boolean;
  /** Ids of those that are in the record, and in the outbox; for a while after it is recorded, an event is in both. */
  readonly recorded: ReadonlySet<string>;
  readonly waiting: ReadonlySet<string>;
}

/** The log of one object: the permanent record, and what has not got there yet. */
@Injectable()
export class ObjectEvents {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** Events of an object with a higher sequence, in order, each in its newest shape. */
  async after(subject: string, afterSequence: number, limit: number): Promise<EventsFound> {
    // The outbox before the record: an event leaves the one only after it has come to the other.
    const waiting = this.waiting(subject).filter(({ sequence }) => sequence > afterSequence);
    const recorded = await this.dependencies.auditEvents.ofSubject(subject, { afterSequence, limit: limit + 1 });
    const all = inOrder([...recorded, ...waiting]);
    return { events: all.slice(0, limit), hasMore: all.length > limit, recorded: idsOf(recorded), waiting: idsOf(waiting) };
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

function idsOf(events: readonly CloudEvent[]): ReadonlySet<string> {
  return new Set(events.map(({ id }) => id));
}
