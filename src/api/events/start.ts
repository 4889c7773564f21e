import { Inject, Injectable } from '@nestjs/common';
import { positionOf } from '../../domain/epochs';
import type { EventPosition } from '../../domain/event-position';
import { beginning, partsOf, positionAfter } from '../../domain/event-position';
import { problemAt } from '../../domain/problem';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { EventFeed } from './feed';
import type { EventsQuery } from './schemas';
import { eventCursor } from './schemas';

/** What a reader whose cursor is gone lists anew. */
const lists = ['/api/v1/definitions', '/api/v1/worker-templates', '/api/v1/workers', '/api/v1/instances'];

const lostHistory = 'it belongs to history that was lost when an older copy of the store was restored';

/** Finds where a reader begins, and refuses what is no place to begin. */
@Injectable()
export class EventStart {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(EventFeed) private readonly feed: EventFeed,
  ) {}

  /** The header of a stream that was resumed says more than the address that it was first opened with. */
  async of({ cursor, revision, minRevision, timeout }: EventsQuery, lastEventId: string | undefined): Promise<EventPosition> {
    await this.reads.upTo({ minRevision, timeout });
    const { log } = this.feed;
    if (lastEventId) return this.from(readHeader(lastEventId), 'Last-Event-ID', timeout);
    if (cursor !== undefined) return this.from(cursor, 'cursor', timeout);
    if (revision === undefined) return log.head;
    await this.reach(revision, 'revision', timeout);
    return this.fromRevision(revision);
  }

  /** A revision says nothing of its epoch, but no two epochs that count have one in common. */
  private fromRevision(revision: number): EventPosition {
    const { epochs } = this.feed.log;
    const epoch = [epochs, ...epochs.history].map((each) => each.epoch).find((each) => positionOf(epochs, each, String(revision)) !== 'lost');
    if (epoch === undefined) throw this.gone(`revision ${revision}`, lostHistory);
    return positionAfter(epoch, revision);
  }

  private async from(cursor: EventPosition, name: string, timeout: number | undefined): Promise<EventPosition> {
    if (cursor === beginning) return cursor;
    const { log } = this.feed;
    const { epoch, revision, isEvent } = partsOf(cursor)!;
    const place = positionOf(log.epochs, epoch, String(revision));
    if (place === 'unknown') throw unknown(name, `a cursor of epoch ${log.epoch} or before`, cursor);
    if (place === 'lost') throw this.gone(cursor, lostHistory);
    if (place === 'current') await this.reach(revision, name, timeout);
    if (log.isBlocked && cursor > log.head) throw new ApiProblem('newer_version', 'a newer version of the server told events up to this cursor');
    // An event can be looked for, so that a record that was lost is noticed.
    if (isEvent && !(await log.has(cursor))) throw this.gone(cursor, 'there is no such event any more');
    return cursor;
  }

  /** Brings this server to a revision that the store has come to. */
  private async reach(revision: number, name: string, timeout: number | undefined): Promise<void> {
    const { cache, etcd } = this.dependencies;
    if (cache.revision >= revision) return;
    const storeRevision = await etcd.revision();
    if (revision > storeRevision) throw unknown(name, `a cursor of at most revision ${storeRevision}`, String(revision));
    await this.reads.upTo({ minRevision: revision, timeout });
  }

  private gone(cursor: string, why: string): ApiProblem {
    const { revision } = this.dependencies.cache;
    const next = `/api/v1/events?revision=${revision}`;
    const detail = `events after ${cursor} cannot be told without a gap: ${why}; list anew with minRevision=${revision}, then go on at ${next}`;
    return new ApiProblem('cursor_gone', detail, { members: { cursor, revision: String(revision), relist: lists.map((list) => `${list}?minRevision=${revision}`), next } });
  }
}

function readHeader(written: string): EventPosition {
  const read = eventCursor.safeParse(written);
  if (read.success) return read.data;
  const problem = problemAt(['Last-Event-ID'], 'the id of an event, or a nextCursor', JSON.stringify(written.slice(0, 60)));
  throw new ApiProblem('invalid_request', problem.message, { errors: [problem] });
}

function unknown(name: string, expected: string, found: string): ApiProblem {
  const problem = problemAt([name], expected, found);
  return new ApiProblem('revision_unknown', problem.message, { errors: [problem] });
}
