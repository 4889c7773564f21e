import type { CloudEvent } from './events';
import type { Kind } from './header';
import type { Owners } from './ownership';
import { isOwnedBy } from './ownership';

/** What filters look at, of one event. */
export interface EventAttributes {
  readonly id: string;
  readonly org: string;
  readonly project: string;
  readonly kind: Kind;
  readonly subject: string;
  readonly type: string;
  readonly worker: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** Which events somebody wants: of each attribute that is named one of the values, and of labels all. */
export interface EventFilter {
  readonly kind?: readonly Kind[] | undefined;
  /** Ids of objects. */
  readonly subject?: readonly string[] | undefined;
  /** Ids of workers: their own events, and those of what is placed on them. */
  readonly worker?: readonly string[] | undefined;
  /** Types, or their beginnings with a `*` after them. */
  readonly type?: readonly string[] | undefined;
  readonly label?: ReadonlyArray<readonly [name: string, value: string]> | undefined;
}

/** The same, and of whose objects somebody is told at all; never left out by oversight, so that it has to be said. */
export interface ScopedEventFilter extends EventFilter {
  readonly owners: Owners;
}

/** What a filter may look at of an event. */
export function attributesOf({ id, org, project, kind, subject, type, worker, labels }: CloudEvent): EventAttributes {
  return { id, org, project, kind, subject, type, worker, labels: labels === undefined ? {} : (JSON.parse(labels) as EventAttributes['labels']) };
}

/** Whether somebody is told of an event. */
export function isTold(event: EventAttributes, filter: ScopedEventFilter): boolean {
  return isOwnedBy(filter.owners, event) && isWanted(event, filter);
}

/** Whether a filter lets an event through. */
export function isWanted(event: EventAttributes, { kind, subject, worker, type, label }: EventFilter): boolean {
  return (
    (kind === undefined || kind.includes(event.kind)) &&
    (subject === undefined || subject.includes(event.subject)) &&
    (worker === undefined || (event.worker !== undefined && worker.includes(event.worker))) &&
    (type === undefined || type.some((pattern) => isOfType(event.type, pattern))) &&
    (label === undefined || label.every(([name, value]) => Object.hasOwn(event.labels, name) && event.labels[name] === value))
  );
}

function isOfType(type: string, pattern: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
