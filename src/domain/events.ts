import { canonicalJson } from './canonical-json';
import type { Kind } from './header';

/** Who caused a change, and through which request; carried by every event. */
export interface Cause {
  /** A principal (`user:…`), or a part of Berth: `lifecycle`, `scheduler`, `agent:<worker>`, `temporal-ui`. */
  readonly actor: string;
  readonly requestId?: string;
  readonly idempotencyKey?: string;
  /** Where the request came from: an address. */
  readonly source?: string;
  /** What let it in: the scope that its route asks for, and the id of the credential. */
  readonly scope?: string;
  readonly credential?: string;
  /** W3C trace context of the request; what follows from it carries the same. */
  readonly traceparent?: string;
  /** The same for everything that one first request led to. */
  readonly correlationId?: string;
  /** The commit or event that directly led to this one. */
  readonly causationId?: string;
  /** Run id of the engine's workflow that did it. */
  readonly workflowRun?: string;
}

/** A cause without where it came from and by which credential: that is the audit's to tell. */
export function withoutOrigin(cause: Cause): Cause {
  const { source: _address, credential: _credential, ...rest } = cause;
  return rest;
}

/** One thing that happened to one object, as a decision states it, before it has a place in the order. */
export interface EventDraft {
  /** `berth.<kind>.<what happened>`, e.g. `berth.instance.phase-changed`. */
  readonly type: string;
  /** Version of `data`'s shape for this type. */
  readonly schemaVersion: number;
  readonly org: string;
  readonly project: string;
  readonly kind: Kind;
  /** Id of the object. */
  readonly subject: string;
  /** Gapless per object, from 1. */
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly cause: Cause;
  /** Id of the worker that the object is, or is placed on; who watches a worker hears of it by this. */
  readonly worker?: string;
  /** The object's labels, where it has any. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event with its place in the one order: (epoch, revision, index). */
export interface RecordedEvent extends EventDraft {
  readonly epoch: number;
  /** etcd revision of the commit, a decimal string: revisions are 64 bits wide. */
  readonly revision: string;
  /** Position within the transaction, over all decisions folded into it. */
  readonly index: number;
}

/** Global monotonic id of an event; sorts as text in the order of events. Also the `_id` in MongoDB. */
export function eventId(event: Pick<RecordedEvent, 'epoch' | 'revision' | 'index'>): string {
  return `${pad(String(event.epoch), 4)}-${pad(event.revision, 19)}-${pad(String(event.index), 4)}`;
}

function pad(digits: string, width: number): string {
  return digits.padStart(width, '0');
}

/** CloudEvents 1.0 rendering of a recorded event. */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly dataschemaversion: number;
  readonly org: string;
  readonly project: string;
  readonly kind: Kind;
  readonly sequence: number;
  readonly epoch: number;
  readonly revision: string;
  readonly actor: string;
  readonly requestid?: string;
  readonly idempotencykey?: string;
  /** Where the request came from. */
  readonly clientaddress?: string;
  readonly scope?: string;
  readonly credential?: string;
  readonly traceparent?: string;
  readonly correlationid?: string;
  readonly causationid?: string;
  readonly workflowrun?: string;
  readonly worker?: string;
  /** JSON of the object's labels: an attribute of a CloudEvent is a text. */
  readonly labels?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Renders an event for the outside: attribute names are lower case, as CloudEvents asks. */
export function toCloudEvent(event: RecordedEvent): CloudEvent {
  const { cause } = event;
  return {
    specversion: '1.0',
    id: eventId(event),
    source: `/orgs/${event.org}/projects/${event.project}`,
    type: event.type,
    subject: event.subject,
    time: event.time,
    datacontenttype: 'application/json',
    dataschemaversion: event.schemaVersion,
    org: event.org,
    project: event.project,
    kind: event.kind,
    sequence: event.sequence,
    epoch: event.epoch,
    revision: event.revision,
    actor: cause.actor,
    ...(cause.requestId !== undefined && { requestid: cause.requestId }),
    ...(cause.idempotencyKey !== undefined && { idempotencykey: cause.idempotencyKey }),
    ...(cause.source !== undefined && { clientaddress: cause.source }),
    ...(cause.scope !== undefined && { scope: cause.scope }),
    ...(cause.credential !== undefined && { credential: cause.credential }),
    ...(cause.traceparent !== undefined && { traceparent: cause.traceparent }),
    ...(cause.correlationId !== undefined && { correlationid: cause.correlationId }),
    ...(cause.causationId !== undefined && { causationid: cause.causationId }),
    ...(cause.workflowRun !== undefined && { workflowrun: cause.workflowRun }),
    ...(event.worker !== undefined && { worker: event.worker }),
    ...(event.labels !== undefined && { labels: canonicalJson(event.labels) }),
    data: event.data,
  };
}

/** An event as its readers are told it: who did it, but neither from where nor by which credential. */
export function toldEvent(event: CloudEvent): CloudEvent {
  const { clientaddress: _address, credential: _credential, ...rest } = event;
  const { spec } = event.data as { readonly spec?: { readonly cause?: Cause } };
  return spec?.cause === undefined ? rest : { ...rest, data: { ...event.data, spec: { ...spec, cause: withoutOrigin(spec.cause) } } };
}
