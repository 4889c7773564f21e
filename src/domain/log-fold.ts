import type { CloudEvent } from './events';
import type { ObjectState } from './object-state';
import { applyEvent } from './object-state';

/** Events of one object that are missing between two that are there. */
export interface EventGap {
  readonly subject: string;
  readonly after: number;
  readonly before: number;
}

/**
 * Makes the present state of every object from the log, in whatever order the log is read: an event that comes before
 * its turn is kept until then, so that nobody has to sort a log that does not fit into memory. Of what has retired nothing is
 * kept but its id: there is far more of it than of what lives.
 */
export class LogFold {
  /** Of what has not retired. */
  readonly states = new Map<string, ObjectState>();
  private readonly retired = new Set<string>();
  private readonly early = new Map<string, Map<number, CloudEvent>>();

  add(event: CloudEvent): void {
    if (this.retired.has(event.subject)) return;
    const before = this.states.get(event.subject);
    const next = (before?.sequence ?? 0) + 1;
    // The same event may come from the record and from the outbox.
    if (event.sequence < next) return;
    if (event.sequence > next) return this.keep(event);
    let state = applyEvent(before, event);
    const early = this.early.get(event.subject);
    for (let follower = take(early, state.sequence + 1); follower; follower = take(early, state.sequence + 1)) state = applyEvent(state, follower);
    if (early?.size === 0) this.early.delete(event.subject);
    if (state.retired) {
      this.states.delete(event.subject);
      this.retired.add(event.subject);
    } else this.states.set(event.subject, state);
  }

  /** What was missing; what comes after it is in no state. */
  gaps(): EventGap[] {
    return [...this.early].map(([subject, events]) => ({ subject, after: this.states.get(subject)?.sequence ?? 0, before: Math.min(...events.keys()) }));
  }

  private keep(event: CloudEvent): void {
    const early = this.early.get(event.subject) ?? new Map<number, CloudEvent>();
    this.early.set(event.subject, early.set(event.sequence, event));
  }
}

function take(early: Map<number, CloudEvent> | undefined, sequence: number): CloudEvent | undefined {
  const event = early?.get(sequence);
  early?.delete(sequence);
  return event;
}
