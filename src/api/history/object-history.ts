import { Inject, Injectable } from '@nestjs/common';
import type { FieldChange } from '../../domain/difference';
import { differenceOf } from '../../domain/difference';
import { isVisible, reaches } from '../../domain/authorization';
import type { CloudEvent } from '../../domain/events';
import { withoutOrigin } from '../../domain/events';
import type { Kind } from '../../domain/header';
import { platformOrg } from '../../domain/header';
import type { Caller } from '../../domain/principal';
import { kinds } from '../../domain/kinds';
import { pageSizeDefault, rebuildPageSize } from '../../domain/limits';
import type { ObjectState } from '../../domain/object-state';
import { applyEvent, changeTypeOf } from '../../domain/object-state';
import { ObjectNotFoundError } from '../../stores/etcd/errors';
import { keys } from '../../stores/etcd/keys';
import { ObjectOwners } from '../access/owners';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { Answer } from '../http/answer';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { ObjectEvents } from './object-events';
import type { HistoryPage, HistoryQuery, Moment, SnapshotQuery, SnapshotView } from './schemas';

/** One event of an object, and the object on either side of it. */
export interface Turn {
  readonly event: CloudEvent;
  /** Undefined at the object's first event. */
  readonly before: ObjectState | undefined;
  readonly after: ObjectState;
}

/** An object whose past is asked for; it may be gone from etcd by now. */
export interface PastObject {
  readonly kind: Kind;
  readonly id: string;
}

/**
 * What became of an object, change by change. All of it follows from its events, which are kept for ever; snapshots only
 * spare the way from the first event to a later page, for as long as they are kept.
 */
@Injectable()
export class ObjectHistory {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(ObjectEvents) private readonly events: ObjectEvents,
    @Inject(ObjectOwners) private readonly owners: ObjectOwners,
  ) {}

  /** A page of changes, each with what differs. */
  async page(object: PastObject, query: HistoryQuery, caller: Caller): Promise<HistoryPage> {
    const revision = await this.reads.upTo(query);
    await this.requireOwn(object, caller);
    const { afterSequence = 0, limit = pageSizeDefault } = query;
    const found: Turn[] = [];
    for await (const turn of this.turns(object.id, afterSequence, limit + 1)) if (found.push(turn) > limit) break;
    await this.requireObject(object, found[0]?.event);
    const items = found.slice(0, limit);
    const last = items[items.length - 1];
    return {
      items: items.map((turn) => ({ ...describe(turn), changes: changesOf(turn) })),
      revision: String(revision),
      ...(found.length > limit && last && { nextAfterSequence: last.event.sequence }),
    };
  }

  /** The object at a moment. */
  async snapshot(object: PastObject, { time, ...query }: SnapshotQuery, caller: Caller): Promise<Answer<SnapshotView>> {
    const revision = await this.reads.upTo(query);
    await this.requireOwn(object, caller);
    const turn = await this.at(object, { ...query, timeMs: time });
    const { kind, id, org, spec, status, allocation } = turn.after;
    const whole = { kind, id, org, spec: { ...spec, cause: withoutOrigin(spec.cause) }, ...(status && { status: { ...status } }), ...(allocation && { allocation: { ...allocation } }) };
    return new Answer({ ...describe(turn), object: whole }, { 'Berth-Revision': String(revision) });
  }

  /** The event that made the object what it was at a moment: of several at one revision the last. Throws `snapshot_not_found`. */
  async at(object: PastObject, moment: Moment): Promise<Turn> {
    if (moment.revision !== undefined) await this.reach(moment.revision);
    const found = moment.sequence === undefined ? await this.lastOf(object.id, moment) : await this.bySequence(object.id, moment.sequence);
    await this.requireObject(object, found?.event);
    if (!found) throw notFound(object, 'it was not there then');
    return found;
  }

  /** What the commit of a revision changed in the object. */
  async changesAt(object: PastObject, revision: number): Promise<readonly FieldChange[]> {
    return changesOf(await this.at(object, { revision }));
  }

  private async reach(revision: number): Promise<void> {
    try {
      await this.reads.upTo({ minRevision: revision });
    } catch (cause) {
      if (!(cause instanceof ApiProblem) || cause.code !== 'revision_unknown') throw cause;
      throw new ApiProblem('snapshot_not_found', `the store has not come to revision ${revision}`, { cause });
    }
  }

  private async bySequence(id: string, sequence: number): Promise<Turn | undefined> {
    if (sequence === 0) return undefined;
    for await (const turn of this.turns(id, sequence - 1, 1)) return turn;
    return undefined;
  }

  /** Looks at all events for a time: the clocks of those who wrote them need not agree. */
  private async lastOf(id: string, { revision = Infinity, timeMs = Infinity }: Moment): Promise<Turn | undefined> {
    let last: Turn | undefined;
    for await (const turn of this.turns(id, 0, rebuildPageSize)) {
      if (Number(turn.event.revision) > revision) break;
      if (Date.parse(turn.event.time) <= timeMs) last = turn;
    }
    return last;
  }

  /** Events after one, in order, each with the object before and after it; read in pages of a size. */
  private async *turns(id: string, afterSequence: number, pageSize: number): AsyncGenerator<Turn> {
    let before = afterSequence === 0 ? undefined : await this.stateAt(id, afterSequence);
    if (afterSequence > 0 && before === undefined) return;
    for (;;) {
      const { events, hasMore } = await this.events.after(id, before?.sequence ?? 0, pageSize);
      for (const event of events) {
        const after = applyEvent(before, event);
        yield { event, before, after };
        before = after;
      }
      if (!hasMore) return;
    }
  }

  private async stateAt(id: string, sequence: number): Promise<ObjectState | undefined> {
    const kept = await this.dependencies.snapshots.get(id, sequence);
    if (kept) return kept.state;
    for await (const { after } of this.turns(id, 0, rebuildPageSize)) if (after.sequence === sequence) return after;
    return undefined;
  }

  /**
   * What is shared with others is shown, and not what became of it: its past tells who runs Berth and how, and what it held.
   * The guard has let nobody come here with what is another's.
   */
  private async requireOwn({ kind, id }: PastObject, caller: Caller): Promise<void> {
    if (caller.org === platformOrg) return;
    const owner = await this.owners.ownerOf(kind, id, caller);
    if (owner === undefined || reaches(caller, owner)) return;
    if (!isVisible(caller, owner)) throw this.owners.missing(kind, id);
    throw new ApiProblem('forbidden', `${kinds[kind].name} ${id} is shared; its past is shown to those who run Berth`);
  }

  /** Refuses an id that is none of this kind. `known`: an event under this id, if one was found. */
  private async requireObject({ kind, id }: PastObject, known: CloudEvent | undefined): Promise<void> {
    const event = known ?? (await this.events.after(id, 0, 1)).events[0];
    // What another server made a moment ago has no event here yet, and is not absent.
    const isThere = event === undefined ? (await this.dependencies.etcd.get(keys.spec(kind, id))) !== undefined : event.kind === kind;
    if (!isThere) throw new ObjectNotFoundError(kinds[kind].name, id);
  }
}

function notFound({ id }: PastObject, why: string): ApiProblem {
  return new ApiProblem('snapshot_not_found', `there is no such state of ${id}: ${why}`);
}

function changesOf({ before, after }: Turn): FieldChange[] {
  return [...differenceOf(before ? partsOf(before) : {}, partsOf(after))];
}

function partsOf({ spec, status, allocation }: ObjectState) {
  return { spec, status, allocation };
}

function describe({ event }: Turn) {
  const { sequence, revision, time, id: eventId, type, actor, requestid, correlationid, workflowrun } = event;
  const { message } = event.data;
  return {
    sequence,
    revision,
    time,
    eventId,
    type,
    changeType: changeTypeOf(event),
    actor,
    ...(requestid !== undefined && { requestId: requestid }),
    ...(correlationid !== undefined && { correlationId: correlationid }),
    ...(workflowrun !== undefined && { workflowRun: workflowrun }),
    ...(typeof message === 'string' && { message }),
  };
}
