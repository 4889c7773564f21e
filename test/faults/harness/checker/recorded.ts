import { canonicalJson } from '../../../../src/domain/canonical-json';
import { eventId, toCloudEvent } from '../../../../src/domain/events';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RecordDocument, RunHistory } from '../history';
import type { Expectations, Finding, Rule } from './rule';
import type { StoredEvent } from './store-state';
import { eventsOfRevision, finalState } from './store-state';

/** What happened is on record, as it happened, and nothing else is. */
export const recorded: Rule = {
  promise: 'every outbox entry is in the record exactly once, as it was; nothing else is; and it was there before it was deleted',
  needs: 'whole history',
  find(history: RunHistory, expectations: Expectations): Finding[] {
    const expected = history.store.revisions.flatMap(eventsOfRevision).map((stored) => ({ stored, document: documentOf(stored) }));
    const documents = groupBy(history.record, ({ _id }) => _id);
    const known = new Set(expected.map(({ document }) => document._id));
    const waiting = new Set(finalState(history.store.revisions).under(keys.outboxPrefix).map(([key]) => key.slice(keys.outboxPrefix.length)));
    return [
      ...repeated(expected.map(({ stored }) => stored)),
      ...expected.flatMap(({ stored, document }) => compare(stored, document, documents.get(document._id) ?? [], waiting, expectations)),
      ...unheardOf(history.record, known),
      ...numberedTwice(history.record),
    ];
  },
};

function compare(
  stored: StoredEvent,
  expected: RecordDocument,
  found: readonly RecordDocument[],
  waiting: ReadonlySet<string>,
  { expectDrained = true }: Expectations,
): Finding[] {
  const finding = (rule: string, message: string): Finding[] => [{ rule, object: `outbox/${stored.commitId}`, revision: stored.revision, message }];
  const [document, ...others] = found;
  if (!document) {
    if (!waiting.has(stored.commitId)) return finding('deleted-before-recorded', `was deleted, and its event ${expected._id} is not in the record`);
    return expectDrained ? finding('not-recorded', `is still in the outbox, and its event ${expected._id} not in the record`) : [];
  }
  if (others.length > 0) return finding('recorded-twice', `has ${found.length} documents ${expected._id}`);
  const differing = [...new Set([...Object.keys(expected), ...Object.keys(document)])].filter(
    (attribute) => textOf(expected[attribute]) !== textOf(document[attribute]),
  );
  return differing.length === 0 ? [] : finding('recorded-differently', `differs from the record's ${expected._id} in ${differing.join(', ')}`);
}

/** A commit that happens a second time meets its own outbox key, or one that has moved on; either way it must not. */
function repeated(events: readonly StoredEvent[]): Finding[] {
  const revisions = new Map<string, Set<number>>();
  for (const { commitId, revision } of events) revisions.set(commitId, (revisions.get(commitId) ?? new Set()).add(revision));
  const twice = [...revisions].filter(([, at]) => at.size > 1);
  const ids = groupBy(events, (stored) => idOf(stored));
  const colliding = [...ids].filter(([, same]) => same.length > 1);
  return [
    ...twice.map(([commitId, at]) => ({ rule: 'committed-twice', object: `outbox/${commitId}`, revision: Math.max(...at), message: `was put at revisions ${[...at].join(', ')}` })),
    ...colliding.map(([id, same]) => ({ rule: 'event-id-twice', object: id, revision: same[0]!.revision, message: `is the id of ${same.length} events` })),
  ];
}

function unheardOf(record: readonly RecordDocument[], known: ReadonlySet<string>): Finding[] {
  return record
    .filter(({ _id }) => !known.has(_id))
    .map((document) => ({ rule: 'recorded-unheard-of', object: `audit_events/${document._id}`, message: `is in the record, but never was in the outbox: ${textOf(document['type'])}` }));
}

function numberedTwice(record: readonly RecordDocument[]): Finding[] {
  const places = groupBy(record, (document) => `${textOf(document['kind'])} ${textOf(document['subject'])} ${textOf(document['sequence'])}`);
  return [...places].flatMap(([place, documents]) => {
    const ids = new Set(documents.map(({ _id }) => _id));
    return ids.size > 1 ? [{ rule: 'recorded-twice', object: place, message: `is in the record as ${[...ids].join(' and ')}` }] : [];
  });
}

/** An event as MongoDB should hold it: a CloudEvent under its id, its data as text. */
export function documentOf(stored: StoredEvent): RecordDocument {
  const { epoch, index, event, revision } = stored;
  const { id, data, ...attributes } = toCloudEvent({ ...event, epoch, index, revision: String(revision) });
  return { _id: id, ...attributes, data: canonicalJson(data) };
}

function idOf({ epoch, revision, index }: StoredEvent): string {
  return eventId({ epoch, revision: String(revision), index });
}

function textOf(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
