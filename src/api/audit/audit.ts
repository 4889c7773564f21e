import { Inject, Injectable } from '@nestjs/common';
import type { AuditFilter, AuditLine, AuditPlace } from '../../domain/audit';
import { comparePlaces, isWanted, lineOfEvent } from '../../domain/audit';
import { upcast } from '../../domain/event-types';
import { toCloudEvent } from '../../domain/events';
import { eventsOf, outboxOf } from '../../stores/etcd/outbox';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

export interface AuditLines {
  readonly lines: readonly AuditLine[];
  readonly hasMore: boolean;
}

/** Mutations and refusals as one: what is recorded of both, and the mutations that are committed and not recorded yet. */
@Injectable()
export class Audit {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  async page(filter: AuditFilter, after: AuditPlace | undefined, limit: number): Promise<AuditLines> {
    const { auditMutations, auditRefusals } = this.dependencies;
    // The outbox before the record: an event leaves the one only after it has come to the other.
    const waiting = this.waiting(filter).filter((line) => after === undefined || comparePlaces(line, after) > 0);
    const [done, refused] = await Promise.all([auditMutations.lines(filter, after, limit + 1), auditRefusals.lines(filter, after, limit + 1)]);
    const byId = new Map([...done, ...refused, ...waiting].map((line) => [line.id, line]));
    const all = [...byId.values()].sort(comparePlaces);
    return { lines: all.slice(0, limit), hasMore: all.length > limit };
  }

  /** All lines, in order. No more of them is held than each store sends at once. */
  async *all(filter: AuditFilter): AsyncGenerator<AuditLine> {
    const { auditMutations, auditRefusals } = this.dependencies;
    const waiting = this.waiting(filter);
    let last: AuditLine | undefined;
    for await (const line of inOrder([auditMutations.stream(filter), auditRefusals.stream(filter), each(waiting)])) {
      // One event that is on its way from the outbox to the record is in both.
      if (line.id !== last?.id) yield line;
      last = line;
    }
  }

  private waiting(filter: AuditFilter): AuditLine[] {
    const events = outboxOf(this.dependencies.cache).flatMap(eventsOf).map((event) => upcast(toCloudEvent(event)));
    const lines = events.filter((event) => isWanted(event, filter)).flatMap((event) => lineOfEvent(event) ?? []);
    return lines.sort(comparePlaces);
  }
}

/** Several sequences that are in order each, as one that is. Whoever stops reading ends them all. */
async function* inOrder(sources: ReadonlyArray<AsyncGenerator<AuditLine>>): AsyncGenerator<AuditLine> {
  try {
    const heads = await Promise.all(sources.map(async (source) => ({ source, head: await source.next() })));
    for (;;) {
      const [first] = heads.filter(({ head }) => head.done !== true).sort((one, other) => comparePlaces(one.head.value as AuditLine, other.head.value as AuditLine));
      if (first === undefined) return;
      yield first.head.value as AuditLine;
      first.head = await first.source.next();
    }
  } finally {
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

async function* each(lines: readonly AuditLine[]): AsyncGenerator<AuditLine> {
  yield* lines;
}
