import type { EventDraft } from '../../../../src/domain/events';
import type { Entry } from '../../../../src/stores/etcd/client';
import type { OutboxValue } from '../../../../src/stores/etcd/commit';
import { keys, parseKey } from '../../../../src/stores/etcd/keys';
import type { StoreRevision } from '../history';

/** The store as it was between two revisions: replay a history by applying one revision after the other. */
export class StoreState {
  private readonly entries = new Map<string, Entry<unknown>>();

  /** The entry as it is now; its shape is the key's, as `keys` documents. */
  get<Value>(key: string): Entry<Value> | undefined {
    return this.entries.get(key) as Entry<Value> | undefined;
  }

  value<Value>(key: string): Value | undefined {
    return this.get<Value>(key)?.value;
  }

  /** Keys that begin so, with their entries. */
  under(prefix: string): Array<readonly [key: string, entry: Entry<unknown>]> {
    return [...this.entries].filter(([key]) => key.startsWith(prefix));
  }

  apply({ revision, changes }: StoreRevision): void {
    for (const change of changes) {
      if (change.deleted) this.entries.delete(change.key);
      else this.entries.set(change.key, { value: change.value, revision });
    }
  }
}

/** The store as the history leaves it. */
export function finalState(revisions: readonly StoreRevision[]): StoreState {
  const state = new StoreState();
  for (const revision of revisions) state.apply(revision);
  return state;
}

/** An event as a commit put it into the outbox. */
export interface StoredEvent {
  /** Of the decision: `instances/i-1/17/start.begin`. */
  readonly commitId: string;
  readonly revision: number;
  readonly epoch: number;
  readonly index: number;
  readonly event: EventDraft;
}

/** The events of one transaction, in their order. */
export function eventsOfRevision({ revision, changes }: StoreRevision): StoredEvent[] {
  const stored = changes.flatMap((change) => {
    if (change.deleted || !change.key.startsWith(keys.outboxPrefix)) return [];
    const commitId = change.key.slice(keys.outboxPrefix.length);
    const { epoch, firstIndex, events } = change.value as OutboxValue;
    return events.map((event, position) => ({ commitId, revision, epoch, index: firstIndex + position, event }));
  });
  return stored.sort((a, b) => a.index - b.index);
}

/** A commit's id in its parts; undefined for one that is about no object. */
export function parseCommitId(commitId: string): { object: string; decidedAt: number; what: string } | undefined {
  const { collection, id, part } = parseKey(commitId);
  const [decidedAt, ...what] = part.split('/');
  if (decidedAt === undefined || !/^\d+$/.test(decidedAt)) return undefined;
  return { object: `${collection}/${id}`, decidedAt: Number(decidedAt), what: what.join('/') };
}

/** Splits a key of an object into the object, `instances/i-1`, and the part of it, `state`. */
export function objectOf(key: string): { object: string; collection: string; id: string; part: string } {
  const parsed = parseKey(key);
  return { object: `${parsed.collection}/${parsed.id}`, ...parsed };
}
