import type { RecordedEvent } from '../../domain/events';
import { kindIn } from '../../domain/kinds';
import type { LiveObject } from '../../domain/rebuilt-differences';
import type { EtcdClient, KeyedEntry } from './client';
import { keys, parseKey } from './keys';
import { eventsOf } from './outbox';
import { scan } from './scan';

/** Every live object and every event that is not recorded for certain, at one revision. */
export interface LiveState {
  readonly epoch: number;
  readonly revision: number;
  readonly objects: readonly LiveObject[];
  readonly waiting: readonly RecordedEvent[];
}

/** Parts that events tell of, or that follow from what they tell. */
const fields: Readonly<Record<string, keyof LiveObject>> = { spec: 'spec', state: 'status', worker: 'allocation', capacity: 'capacity', ports: 'ports' };

/** Reads the live store as it is now, straight from etcd: what a cache holds is no proof of anything. */
export async function readLiveState(client: EtcdClient): Promise<LiveState> {
  const objects = new Map<string, Record<string, unknown>>();
  const waiting: RecordedEvent[] = [];
  let epoch = 0;
  let revision = 0;
  for await (const page of scan(client)) {
    ({ revision } = page);
    for (const entry of page.kvs.map((kv) => client.entry(kv))) {
      if (entry.key === keys.epoch) ({ epoch } = entry.value as { epoch: number });
      else if (entry.key.startsWith(keys.outboxPrefix)) waiting.push(...eventsOf(entry));
      else addPart(objects, entry);
    }
  }
  // What lacks a spec is no object but what one left behind.
  return { epoch, revision, waiting, objects: [...objects.values()].filter((parts) => 'spec' in parts) as unknown as LiveObject[] };
}

function addPart(objects: Map<string, Record<string, unknown>>, { key, value }: KeyedEntry): void {
  const { collection, id, part } = parseKey(key);
  const [kind, field] = [kindIn(collection), fields[part]];
  if (kind !== undefined && field !== undefined) objects.set(id, { ...objects.get(id), kind, id, [field]: value });
}
