import type { Header, Sequenced } from '../../domain/header';
import { kinds } from '../../domain/kinds';
import type { Entry, KeyedEntry } from './client';
import type { Decision } from './commit';
import { absent, eventOf, sequenceAfter, unchanged } from './decisions';
import { resourceVersion } from './objects';

/** Collections whose objects come to an end. */
export const retiringCollections = ['instances', 'workers', 'definitions'] as const;
export type RetiringCollection = (typeof retiringCollections)[number];

/** Parts that something hangs on, by collection: while one is there, the object has not given everything back. */
const holding: Readonly<Record<RetiringCollection, readonly string[]>> = {
  instances: ['worker', 'observed'],
  workers: ['capacity', 'ports', 'observed', 'lease'],
  definitions: [],
};

/** What still hangs on an object, or would be new to this program; an object that retires consists of spec and status alone. */
export function heldParts(parts: ReadonlyMap<string, KeyedEntry>): string[] {
  return [...parts.keys()].filter((part) => part !== 'spec' && part !== 'state');
}

/**
 * An object leaves etcd: all that it consists of goes in one commit, which finds it as it was read and with nothing hanging
 * on it. Entries of a worker's plan cannot come without its ledger: who places there compares the worker's heads.
 */
export function retirementDecision(
  collection: RetiringCollection,
  entries: { readonly id: string; readonly spec: Entry<Header>; readonly status: Entry<Sequenced> },
  { time, workflowRun }: { readonly time: string; readonly workflowRun?: string | undefined },
): Decision {
  const { id, spec, status } = entries;
  const keyOf = (part: string) => `${collection}/${id}/${part}`;
  return {
    id: `${collection}/${id}/${resourceVersion(spec, status)}/retire`,
    compares: [unchanged(keyOf('spec'), spec), unchanged(keyOf('state'), status), ...holding[collection].map((part) => absent(keyOf(part)))],
    puts: [],
    deletes: [keyOf('spec'), keyOf('state')],
    events: [
      eventOf(spec.value, {
        type: `berth.${kinds[spec.value.kind].eventName}.retired`,
        sequence: sequenceAfter({ spec, status }),
        time,
        cause: { actor: 'maintenance', ...(workflowRun !== undefined && { workflowRun }) },
        worker: spec.value.kind === 'Worker' ? id : undefined,
        data: {},
      }),
    ],
  };
}
