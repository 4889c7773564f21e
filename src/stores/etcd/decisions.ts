import { dataVersionOf } from '../../domain/event-types';
import type { Cause, EventDraft } from '../../domain/events';
import type { Header } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import { nextSequence } from '../../domain/header';
import type { Entry } from './client';
import type { Compare, Decision } from './commit';
import { schemaVersionOf } from './commit';
import { keys } from './keys';
import type { DefinitionEntries, InstanceEntries, WorkerEntries } from './objects';
import { resourceVersion } from './objects';
import { givingBack } from './quota-changes';
import type { DefinitionStatus } from '../../domain/definition';
import type { InstanceSpec } from '../../domain/instance';
import { heldByDefinition, heldByInstance } from '../../domain/quota';
import type { WorkerSpec } from '../../domain/worker';

/** A compare that says: as it was read, or still absent. */
export function unchanged(key: string, entry: Entry<unknown> | undefined): Compare {
  return entry ? { key, revision: entry.revision, schemaVersion: schemaVersionOf(entry.value) } : absent(key);
}

/** A compare that says: nobody has it yet. */
export function absent(key: string): Compare {
  return { key, revision: 0 };
}

/** An event about an object; its sequence follows the last one that spec or status gave. */
export function eventOf(
  header: Header,
  { worker, ...what }: Pick<EventDraft, 'type' | 'sequence' | 'time' | 'cause' | 'data'> & { readonly worker?: string | undefined },
): EventDraft {
  const { org, project, kind, id: subject, labels } = header;
  return {
    schemaVersion: dataVersionOf(what.type),
    org,
    project,
    kind,
    subject,
    ...what,
    ...(worker !== undefined && { worker }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}

/** The idempotency record of a request: put create-only in the commit that the request leads to. */
export interface IdempotencyPut {
  readonly key: string;
  readonly value: IdempotencyRecord;
}

export interface IdempotencyRecord {
  readonly schemaVersion: number;
  /** SHA-256 of what was asked; the same key with another body is refused. */
  readonly requestHash: string;
  readonly kind: Header['kind'];
  readonly objectId: string;
  readonly createdAt: string;
  readonly expiresAt: string;
}

/**
 * Two requests that decide the same at one revision are still two. With one commit id the second would find the
 * first one's outbox key and take it for its own: told that it was done, with a command that nobody ever stored.
 */
export function ownDecision(decision: Decision, mintedId: string): Decision {
  return { ...decision, id: `${decision.id}.${mintedId}` };
}

/** Adds the idempotency record of the request that led to a decision. */
export function withIdempotency(decision: Decision, record: IdempotencyPut | undefined): Decision {
  if (!record) return decision;
  return {
    ...decision,
    compares: [...decision.compares, absent(record.key)],
    puts: [...decision.puts, { key: record.key, value: record.value }],
  };
}

/** Creates an object: its keys and the names it claims must not exist; `onlyIf` is what it relies on. */
export function createDecision(creation: {
  readonly header: Header;
  /** By the part of their key: `state` is the status. */
  readonly puts: { readonly spec: Header; readonly state?: unknown };
  readonly claims?: readonly string[];
  readonly onlyIf?: readonly Compare[];
  readonly eventType: string;
}): Decision {
  const { header, puts, claims = [], onlyIf = [] } = creation;
  const { collection } = kinds[header.kind];
  const { spec, state: status } = puts;
  const written = Object.entries(puts).map(([part, value]) => ({ key: `${collection}/${header.id}/${part}`, value }));
  const claimed = claims.map((key) => ({ key, value: { schemaVersion: 1, id: header.id } }));
  return {
    id: `${collection}/${header.id}/0/create`,
    compares: [...onlyIf, ...[...written, ...claimed].map(({ key }) => absent(key))],
    puts: [...written, ...claimed],
    deletes: [],
    events: [
      eventOf(header, {
        type: creation.eventType,
        sequence: header.sequence,
        time: header.createdAt,
        cause: header.cause,
        worker: header.kind === 'Worker' ? header.id : undefined,
        data: { spec, ...(status !== undefined && { status }) },
      }),
    ],
  };
}

/**
 * A new spec for an instance, decided on its spec and status as they were read; `told` is what its event says beside it.
 * The spec that first asks it to end gives back what it was charged for, whoever writes it: hence exactly once.
 */
export function instanceSpecDecision(entries: InstanceEntries, spec: InstanceSpec, verb: string, told: EventDraft['data'] = {}): Decision {
  const freed = heldByInstance(spec) ? undefined : heldByInstance(entries.spec.value);
  return {
    id: `instances/${entries.id}/${resourceVersion(entries.spec, entries.status)}/${verb}`,
    compares: [unchanged(keys.instanceSpec(entries.id), entries.spec), unchanged(keys.instanceStatus(entries.id), entries.status)],
    puts: [{ key: keys.instanceSpec(entries.id), value: spec }],
    deletes: [],
    ...(freed && { shared: givingBack(spec, freed) }),
    events: [
      eventOf(spec, {
        type: `berth.instance.${verb}-requested`,
        sequence: spec.sequence,
        time: spec.updatedAt,
        cause: spec.cause,
        worker: entries.allocation?.value.workerId,
        data: { ...told, spec },
      }),
    ],
  };
}

/** A new spec for a worker; `told` as above. */
export function workerSpecDecision(entries: WorkerEntries, spec: WorkerSpec, verb: string, told: EventDraft['data'] = {}): Decision {
  return {
    id: `workers/${entries.id}/${resourceVersion(entries.spec, entries.status)}/${verb}`,
    compares: [unchanged(keys.workerSpec(entries.id), entries.spec), unchanged(keys.workerStatus(entries.id), entries.status)],
    puts: [{ key: keys.workerSpec(entries.id), value: spec }],
    deletes: [],
    events: [
      eventOf(spec, {
        type: `berth.worker.${verb}-requested`,
        sequence: spec.sequence,
        time: spec.updatedAt,
        cause: spec.cause,
        worker: entries.id,
        data: { ...told, spec },
      }),
    ],
  };
}

/** A new state of a definition; `cause` says who asked. The one that says DELETED gives back what it was charged for. */
export function definitionStatusDecision(entries: DefinitionEntries, status: DefinitionStatus, cause: Cause): Decision {
  const spec = entries.spec.value;
  const freed = heldByDefinition(spec, status.phase) ? undefined : heldByDefinition(spec, entries.status.value.phase);
  return {
    id: `definitions/${entries.id}/${resourceVersion(entries.spec, entries.status)}/${status.phase}`,
    compares: [
      unchanged(keys.definitionSpec(entries.id), entries.spec),
      unchanged(keys.definitionStatus(entries.id), entries.status),
    ],
    puts: [{ key: keys.definitionStatus(entries.id), value: status }],
    deletes: [],
    ...(freed && { shared: givingBack(spec, freed) }),
    events: [
      eventOf(spec, {
        type: `berth.definition.${status.phase.toLowerCase().replace('_', '-')}`,
        sequence: status.sequence,
        time: status.updatedAt,
        cause,
        data: { status },
      }),
    ],
  };
}

/** A decision that is made on something more. */
export function onlyIf(decision: Decision, ...compares: readonly Compare[]): Decision {
  return { ...decision, compares: [...decision.compares, ...compares] };
}

/** The sequence number of the next event of an object that has spec and status. */
export function sequenceAfter(entries: { spec: Entry<{ sequence: number }>; status: Entry<{ sequence: number }> }): number {
  return nextSequence(entries.spec.value, entries.status.value);
}
