import { kindsOfNoProject } from './authorization';
import type { CloudEvent } from './events';
import type { Kind } from './header';
import type { RefusalRecord } from './refusals';
import { traceIdOf } from './trace-context';

/** Where a line of the audit stands: by its time, and by its id among those of one moment. */
export interface AuditPlace {
  readonly time: string;
  readonly id: string;
}

/** One thing that somebody did, or was kept from doing. */
export interface AuditLine extends AuditPlace {
  readonly outcome: 'done' | 'refused';
  /** `user:…` or `service:…`; `temporal-ui` and `bootstrap` for who acts there; `others` for a crowd; undefined where nobody was known. */
  readonly principal?: string;
  readonly type: string;
  readonly address?: string;
  readonly credential?: string;
  readonly scope?: string;
  /** Method and template of a request that was refused. */
  readonly route?: string;
  /** Type of the event that a mutation is told by. */
  readonly event?: string;
  readonly object?: { readonly kind?: Kind; readonly id: string };
  /** To whom the object belongs; of a refusal, to whom the principal does. */
  readonly org: string;
  readonly requestId?: string;
  readonly traceId?: string;
  readonly code?: string;
  readonly status?: number;
  /** Refusals of one minute that were only counted, by code. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** Which lines are wanted. */
export interface AuditFilter {
  /** Id of a principal, with or without its type. */
  readonly principal?: string | undefined;
  /** Id of an object. */
  readonly object?: string | undefined;
  /** ISO 8601; the first moment that counts, and the first that does no more. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly outcome?: AuditLine['outcome'] | undefined;
  readonly code?: string | undefined;
  readonly org?: string | undefined;
  /** A reader who is confined to these sees what was done in them, and no refusals: they belong to no project. */
  readonly projects?: readonly string[] | undefined;
}

/** Actors of events behind which there is a person or a program; all others are parts of Berth that follow from them. */
export const mutatingActors = /^(user|service):|^(temporal-ui|bootstrap)$/;

/** A mutation as the audit tells it; undefined for what Berth did of itself. */
export function lineOfEvent(event: CloudEvent): AuditLine | undefined {
  if (!mutatingActors.test(event.actor)) return undefined;
  const { id, time, actor, type, clientaddress, credential, scope, kind, subject, org, requestid, traceparent } = event;
  const traceId = traceIdOf(traceparent);
  return {
    id,
    time,
    outcome: 'done',
    principal: actor,
    type: typeOf(actor),
    ...(clientaddress !== undefined && { address: clientaddress }),
    ...(credential !== undefined && { credential }),
    ...(scope !== undefined && { scope }),
    event: type,
    object: { kind, id: subject },
    org,
    ...(requestid !== undefined && { requestId: requestid }),
    ...(traceId !== undefined && { traceId }),
  };
}

/** A refusal as the audit tells it. */
export function lineOfRefusal(id: string, record: RefusalRecord): AuditLine {
  return { id, outcome: 'refused', ...record };
}

/** The names under which a principal that a filter names may stand. */
export function principalsNamed(principal: string): readonly string[] {
  if (principal.includes(':')) return [principal];
  return [principal, `user:${principal}`, `service:${principal}`, `worker:${principal}`];
}

/** Whether an event that is not recorded yet is one that a filter asks for; see `AuditEvents.lines` for those that are. */
export function isWanted(event: CloudEvent, { principal, object, from, to, outcome, code, org, projects }: AuditFilter): boolean {
  return (
    outcome !== 'refused' &&
    code === undefined &&
    (principal === undefined || principalsNamed(principal).includes(event.actor)) &&
    (object === undefined || event.subject === object) &&
    (from === undefined || event.time >= from) &&
    (to === undefined || event.time < to) &&
    (org === undefined || event.org === org) &&
    (projects === undefined || (projects.includes(event.project) && !kindsOfNoProject.includes(event.kind)))
  );
}

/** The order of the audit. */
export function comparePlaces(one: AuditPlace, other: AuditPlace): number {
  if (one.time !== other.time) return one.time < other.time ? -1 : 1;
  return one.id === other.id ? 0 : one.id < other.id ? -1 : 1;
}

function typeOf(actor: string): string {
  return actor.split(':')[0] ?? actor;
}
