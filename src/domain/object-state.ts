import type { DefinitionSpec, DefinitionStatus } from './definition';
import type { CloudEvent } from './events';
import type { Kind } from './header';
import type { Allocation, InstanceSpec, InstanceStatus } from './instance';
import type { PrincipalSpec, TokenSpec } from './principal';
import type { OrgSpec, ProjectSpec } from './tenancy';
import type { WorkerSpec, WorkerStatus, WorkerTemplateSpec } from './worker';

/** An object as the log tells of it after one of its events. What a host observed is no part of it: nobody decided that. */
export interface ObjectState {
  readonly kind: Kind;
  readonly id: string;
  readonly org: string;
  /** Of the last event that is part of it, with its place in the one order and its time. */
  readonly sequence: number;
  readonly epoch: number;
  readonly revision: string;
  readonly eventId: string;
  readonly time: string;
  readonly spec: InstanceSpec | WorkerSpec | DefinitionSpec | WorkerTemplateSpec | PrincipalSpec | TokenSpec | OrgSpec | ProjectSpec;
  /** Not every kind has one. Of workers without what is secret. */
  readonly status?: InstanceStatus | WorkerStatus | DefinitionStatus;
  /** Where an instance is placed. */
  readonly allocation?: Allocation;
  /** It has left the live state for good, long after its end. */
  readonly retired?: true;
}

/** What an event did to its object, in one word. */
export const changeTypes = ['created', 'updated', 'deleted', 'discovered'] as const;
export type ChangeType = (typeof changeTypes)[number];

/** What the data of an event may say of its object, in the newest shape of every type. */
interface Told {
  readonly spec?: ObjectState['spec'];
  readonly status?: NonNullable<ObjectState['status']>;
  readonly allocation?: Allocation;
  /** The allocation that was given back. */
  readonly released?: Allocation;
}

/** Events of one object that do not follow each other. */
export class EventGapError extends Error {
  constructor(subject: string, after: number, found: number) {
    super(`event ${found} of ${subject} does not follow event ${after}`);
    this.name = 'EventGapError';
  }
}

/**
 * The object after an event, which has the newest shape (see `upcast`); `before` is undefined at its first one.
 * Throws EventGapError when the event is not the next one of its object.
 */
export function applyEvent(before: ObjectState | undefined, event: CloudEvent): ObjectState {
  const told = event.data as Told;
  const spec = told.spec ?? before?.spec;
  if (event.sequence !== (before?.sequence ?? 0) + 1 || spec === undefined) throw new EventGapError(event.subject, before?.sequence ?? 0, event.sequence);
  const status = told.status ?? before?.status;
  const allocation = told.released === undefined ? (told.allocation ?? before?.allocation) : undefined;
  return {
    kind: event.kind,
    id: event.subject,
    org: event.org,
    sequence: event.sequence,
    epoch: event.epoch,
    revision: event.revision,
    eventId: event.id,
    time: event.time,
    spec,
    ...(status !== undefined && { status }),
    ...(allocation !== undefined && { allocation }),
    ...(isRetirement(event) && { retired: true }),
  };
}

/** Whether it tells that its object has left the live state. It is the last one of its object, and says nothing else of it. */
export function isRetirement({ type }: Pick<CloudEvent, 'type'>): boolean {
  return type.endsWith('.retired');
}

/** What an event did to its object. Only what is over already retires. */
export function changeTypeOf(event: CloudEvent): ChangeType {
  if (event.type.endsWith('.discovered')) return 'discovered';
  if (isRetirement(event)) return 'deleted';
  if (event.sequence === 1) return 'created';
  const { status } = event.data as { status?: { phase?: string } };
  const isOver = status?.phase === 'TERMINATED' || status?.phase === 'DELETED';
  return isOver ? 'deleted' : 'updated';
}
