import type { Header } from '../../../../src/domain/header';
import type { InstanceSpec } from '../../../../src/domain/instance';
import type { IdempotencyRecord } from '../../../../src/stores/etcd/decisions';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RunHistory, StoreChange, StoreRevision } from '../history';
import type { ClientRequest, ShownObject } from './requests';
import { requestsOf, verdictOf } from './requests';
import type { Finding, Rule } from './rule';
import type { StoredEvent } from './store-state';
import { eventsOfRevision, StoreState } from './store-state';

/** Whoever was told that it is done finds it done, and once. */
export const acknowledged: Rule = {
  promise: 'what was acknowledged was done, as it was answered; what was refused was not',
  needs: 'whole history',
  find({ store, calls }: RunHistory): Finding[] {
    const admissions = admissionsOf(store.revisions);
    return requestsOf(calls).flatMap((request) => judge(request, admissions));
  },
};

/** One deed per idempotency key, acknowledged or not. */
export const oneDeedPerKey: Rule = {
  promise: 'an idempotency key makes at most one object or one change, whether or not anybody was told',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    return [...deedsTwice(store.revisions), ...recordsTwice(store.revisions)];
  },
};

/** The events that requests led to directly, by type and key. */
interface Admissions {
  byKey(request: ClientRequest): Admission | undefined;
  ofType(eventType: string): readonly Admission[];
}

interface Admission extends StoredEvent {
  readonly changes: readonly StoreChange[];
}

function admissionsOf(revisions: readonly StoreRevision[]): Admissions {
  const byKey = new Map<string, Admission>();
  const byType = new Map<string, Admission[]>();
  for (const revision of revisions) {
    for (const stored of eventsOfRevision(revision)) {
      const { type, cause } = stored.event;
      if (cause.idempotencyKey === undefined) continue;
      const admission = { ...stored, changes: revision.changes };
      if (!byKey.has(`${type} ${cause.idempotencyKey}`)) byKey.set(`${type} ${cause.idempotencyKey}`, admission);
      byType.set(type, [...(byType.get(type) ?? []), admission]);
    }
  }
  return {
    byKey: ({ eventType, idempotencyKey }) => (idempotencyKey === undefined ? undefined : byKey.get(`${eventType} ${idempotencyKey}`)),
    ofType: (eventType) => byType.get(eventType) ?? [],
  };
}

function judge(request: ClientRequest, admissions: Admissions): Finding[] {
  const verdicts = request.calls.map(verdictOf);
  const done = admissions.byKey(request);
  const answers = verdicts.flatMap((verdict) => (verdict.kind === 'acknowledged' && verdict.shown ? [verdict.shown] : []));
  if (done && verdicts.every(({ kind }) => kind === 'refused')) {
    return [finding('refused-yet-done', request, `was refused at every attempt, and was done by ${done.commitId}`, done.revision)];
  }
  if (!verdicts.some(({ kind }) => kind === 'acknowledged')) return [];
  if (answers.length === 0) return done || isUnchanged(request, undefined, admissions) ? [] : [lost(request, undefined)];
  return [...answers.flatMap((shown) => judgeAnswer(request, shown, done, admissions)), ...answersDiffer(request, answers)];
}

function judgeAnswer(request: ClientRequest, shown: ShownObject, byKey: Admission | undefined, admissions: Admissions): Finding[] {
  const keyless = request.idempotencyKey === undefined;
  const done = keyless ? admissions.ofType(request.eventType).find(({ event, revision }) => event.subject === shown.id && String(revision) === shown.revision) : byKey;
  if (!done) return isUnchanged(request, shown, admissions) ? [] : [lost(request, shown)];
  const { event, revision, changes } = done;
  const wrong = (rule: string, message: string) => finding(rule, request, message, revision);
  const wanted = request.objectId ?? shown.id;
  return [
    ...(event.subject === shown.id && wanted === shown.id ? [] : [wrong('answer-differs', `answered ${shown.id}, and did it to ${event.subject}`)]),
    ...(!hasSpec(request) || shown.revision === String(revision) ? [] : [wrong('answer-differs', `answered revision ${shown.revision}, and was done at ${revision}`)]),
    ...(hasSpec(request) ? judgeSpec(request, shown, done, wrong) : []),
    ...(keyless || changes.some((change) => isRecordOf(change, event.subject)) ? [] : [wrong('no-idempotency-record', 'left no idempotency record in its commit')]),
  ];
}

/** Workers and instances are acted on by their spec: it must say what was asked for, from that very revision on. */
function judgeSpec(request: ClientRequest, shown: ShownObject, { event, changes }: Admission, wrong: (rule: string, message: string) => Finding): Finding[] {
  const key = `${request.collection}/${event.subject}/spec`;
  const put = changes.find((change) => change.key === key);
  const spec = put && !put.deleted ? (put.value as Header & Pick<InstanceSpec, 'intent' | 'command'>) : undefined;
  if (!spec) return [wrong('acknowledged-lost', `was acknowledged, and no spec was written for ${event.subject}`)];
  const intent = intents[request.verb] ?? 'running';
  const lacksCommand = request.verb === 'retry' && spec.command?.generation !== spec.generation;
  return [
    ...(spec.intent === intent && !lacksCommand ? [] : [wrong('acknowledged-lost', `was acknowledged, and left a spec with intent ${spec.intent} and command ${spec.command?.kind}`)]),
    ...(shown.generation >= spec.generation ? [] : [wrong('answer-differs', `answered generation ${shown.generation} of a spec at ${spec.generation}`)]),
  ];
}

const intents: Readonly<Record<string, string>> = { stop: 'stopped', terminate: 'terminated' };

function hasSpec({ collection }: ClientRequest): boolean {
  return collection === 'instances' || collection === 'workers';
}

/** Asking again for what is so already writes nothing, and is acknowledged all the same. */
function isUnchanged({ verb, eventType, objectId }: ClientRequest, shown: ShownObject | undefined, admissions: Admissions): boolean {
  if (!['terminate', 'deprecate', 'delete'].includes(verb)) return false;
  const upTo = shown ? Number(shown.revision) : Infinity;
  return admissions.ofType(eventType).some(({ event, revision }) => event.subject === objectId && revision <= upTo);
}

function answersDiffer(request: ClientRequest, answers: readonly ShownObject[]): Finding[] {
  const ids = new Set(answers.map(({ id }) => id));
  return ids.size > 1 ? [finding('answer-differs', request, `answered ${[...ids].join(' and ')} under one key`)] : [];
}

function isRecordOf(change: StoreChange, objectId: string): boolean {
  return change.key.startsWith(keys.idempotencyPrefix) && !change.deleted && (change.value as IdempotencyRecord).objectId === objectId;
}

function lost(request: ClientRequest, shown: ShownObject | undefined): Finding {
  const what = shown ? ` as ${shown.id} at revision ${shown.revision}` : '';
  return finding('acknowledged-lost', request, `was acknowledged${what}, and nothing of it is in the store`);
}

function finding(rule: string, { verb, collection, objectId, idempotencyKey, calls }: ClientRequest, message: string, revision?: number): Finding {
  const object = `${verb} ${collection}${objectId === undefined ? '' : `/${objectId}`} (${idempotencyKey ?? calls[0]!.id})`;
  return { rule, object, message, ...(revision !== undefined && { revision }) };
}

/**
 * A key counts within one route, and the type of the event tells the routes apart. What else carries the key of a
 * request, because it follows from it, is of another type.
 */
function deedsTwice(revisions: readonly StoreRevision[]): Finding[] {
  const deeds = new Map<string, StoredEvent[]>();
  for (const stored of revisions.flatMap(eventsOfRevision)) {
    const { type, cause } = stored.event;
    if (cause.idempotencyKey === undefined) continue;
    const name = `${type} (${cause.idempotencyKey})`;
    deeds.set(name, [...(deeds.get(name) ?? []), stored]);
  }
  return [...deeds].flatMap(([object, events]) => {
    const [first, second] = events;
    if (!first || !second) return [];
    return [{ rule: 'done-twice', object, revision: second.revision, message: `was done by ${events.map(({ commitId, revision }) => `${commitId} at ${revision}`).join(' and ')}` }];
  });
}

function recordsTwice(revisions: readonly StoreRevision[]): Finding[] {
  const state = new StoreState();
  return revisions.flatMap((revision) => {
    const again = revision.changes.filter(({ key, deleted }) => !deleted && key.startsWith(keys.idempotencyPrefix) && state.get(key) !== undefined);
    state.apply(revision);
    return again.map(({ key }) => ({ rule: 'idempotency-record-overwritten', object: key, revision: revision.revision, message: 'was put though it was there' }));
  });
}
