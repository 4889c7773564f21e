import { LRUCache } from 'lru-cache';
import type { CloudEvent, RecordedEvent } from '../domain/events';
import { toCloudEvent } from '../domain/events';
import { upcast } from '../domain/event-types';
import { objectStatesRememberedMax, rebuildPageSize } from '../domain/limits';
import type { ObjectState } from '../domain/object-state';
import { applyEvent, changeTypeOf, EventGapError } from '../domain/object-state';
import type { AuditRecord } from '../stores/mongo/audit-events';
import type { Snapshot, SnapshotRecord } from '../stores/mongo/snapshots';

/**
 * What is kept of everything that happened: each event, and the object that each left behind. Snapshots are inserted
 * before their events, so that whoever hears of an event can look at what it led to.
 */
export class PermanentRecord {
  /** The last state of objects that changed lately, by id. */
  private readonly states = new LRUCache<string, ObjectState>({ max: objectStatesRememberedMax });

  constructor(
    private readonly events: Pick<AuditRecord, 'insert' | 'ofSubject'>,
    private readonly snapshots: SnapshotRecord,
    private readonly onProblem: (problem: string, cause: unknown) => void,
  ) {}

  /**
   * Records events, which come in their order. All of it may be repeated, by whoever it is.
   * Throws RecordConflictError where the record says something else.
   */
  async insert(events: readonly RecordedEvent[]): Promise<void> {
    const latest = new Map<string, ObjectState>();
    const made: Snapshot[] = [];
    for (const event of events.map((recorded) => upcast(toCloudEvent(recorded)))) {
      const state = await this.after(event, latest.get(event.subject));
      if (state === undefined) continue;
      latest.set(event.subject, state);
      made.push({ changeType: changeTypeOf(event), state });
    }
    await this.snapshots.insert(made);
    await this.events.insert(events);
    // Only what is stored is remembered: a batch that failed is made again from what was there before it.
    for (const [subject, state] of latest) this.states.set(subject, state);
  }

  /** The object after an event. Undefined where an earlier event is nowhere: the log must not stop for want of a snapshot. */
  private async after(event: CloudEvent, known: ObjectState | undefined): Promise<ObjectState | undefined> {
    try {
      return applyEvent(known ?? (await this.before(event)), event);
    } catch (error) {
      if (!(error instanceof EventGapError)) throw error;
      this.onProblem(`the record lacks events of ${event.subject}, so that it gets no snapshots`, error);
      return undefined;
    }
  }

  /** The object as its event found it: remembered, or as the snapshot before it says, or else from all its events. */
  private async before({ subject, sequence }: CloudEvent): Promise<ObjectState | undefined> {
    if (sequence === 1) return undefined;
    const remembered = this.states.get(subject);
    if (remembered?.sequence === sequence - 1) return remembered;
    const kept = await this.snapshots.get(subject, sequence - 1);
    return kept?.state ?? this.rebuild(subject, sequence - 1);
  }

  private async rebuild(subject: string, upToSequence: number): Promise<ObjectState | undefined> {
    let state: ObjectState | undefined;
    for (;;) {
      const page = await this.events.ofSubject(subject, { afterSequence: state?.sequence ?? 0, limit: rebuildPageSize });
      for (const event of page) {
        if (event.sequence > upToSequence) return state;
        state = applyEvent(state, event);
      }
      if (page.length < rebuildPageSize) return state;
    }
  }
}
