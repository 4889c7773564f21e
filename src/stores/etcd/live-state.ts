import type { RecordedEvent } from '../../domain/events';
import type { LiveObject } from '../../domain/rebuilt-differences';
import type { EtcdClient, KeyedEntry } from './client';
import { keys, parseKey } from './keys';
import { eventsOf } from './outbox';

/** Every live object and every event that is not recorded for certain, at one revision. */
export interface LiveState {
  readonly epoch: number;
  readonly revision: number;
  readonly objects: readonly LiveObject[];
  readonly waiting: readonly RecordedEvent[];
}

const kinds = { instances: 'Instance', workers: 'Worker', definitions: 'Definition', templates: 'WorkerTemplate' } as const;

/** Reads the live store as it is now, straight from etcd: what a cache holds is no proof of anything. */
export async function readLiveState(client: EtcdClient): Promise<LiveState> {
  const { revision, lists } = await client.listTogether([...Object.keys(kinds).map((collection) => `${collection}/`), keys.outboxPrefix, keys.epoch]);
  const waiting = lists[lists.length - 2]!.flatMap(eventsOf);
  const [epoch] = lists[lists.length - 1]!;
  const objects = Object.values(kinds).flatMap((kind, index) => objectsOf(kind, lists[index]!));
  return { epoch: (epoch?.value as { epoch: number }).epoch, revision, objects, waiting };
}

function objectsOf(kind: LiveObject['kind'], entries: readonly KeyedEntry[]): LiveObject[] {
  const byId = new Map<string, Record<string, unknown>>();
  for (const { key, value } of entries) {
    const { id, part } = parseKey(key);
    const field = fields[part];
    if (field === undefined) continue;
    byId.set(id, { ...byId.get(id), [field]: value });
  }
  // What lacks a spec is no object but what one left behind.
  return [...byId].flatMap(([id, parts]) => ('spec' in parts ? [{ kind, id, ...parts } as LiveObject] : []));
}

/** Parts that events tell of, or that follow from what they tell. */
const fields: Readonly<Record<string, keyof LiveObject>> = { spec: 'spec', state: 'status', worker: 'allocation', capacity: 'capacity', ports: 'ports' };
