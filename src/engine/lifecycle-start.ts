import type { SearchAttributePair } from '@temporalio/common';
import { TypedSearchAttributes } from '@temporalio/common';
import type { LifecycleStep, ObjectReference } from '../domain/answer';
import { nextForInstance } from '../domain/instance-next';
import { isStuck } from '../domain/stuck';
import type { CachedObjects, InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import { searchAttributes } from '../workflows/messages';

/** With what a lifecycle is started, if it does not run yet. */
export interface LifecycleStart {
  readonly attributes: TypedSearchAttributes;
  /** What seems to be due: saves the first look. A wrong guess costs as much as that look. */
  readonly firstStep?: LifecycleStep;
}

/** A new object is nudged as soon as it is committed; the cache hears of it a moment later. */
const cacheLagMsMax = 1_000;

/** Describes lifecycles from the watch cache; undefined for an object that is not there. */
export function lifecycleStartsFrom(cached: CachedObjects): (object: ObjectReference) => Promise<LifecycleStart | undefined> {
  return ({ kind, id }) => {
    if (kind === 'Instance') {
      const read = () => cached.instance(id);
      return cached.cache.waitForObject({ collection: 'instances', id }, read, cacheLagMsMax).then((entries) => entries && instanceStart(entries));
    }
    const read = () => cached.worker(id);
    return cached.cache.waitForObject({ collection: 'workers', id }, read, cacheLagMsMax).then((entries) => entries && workerStart(entries));
  };
}

function instanceStart(entries: InstanceEntries): LifecycleStart {
  const { spec, status, allocation } = entries;
  const { definition } = spec.value;
  const pairs = [
    ...common(entries),
    { key: searchAttributes.definition, value: `${definition.name}@${definition.version}` },
    ...(allocation ? [{ key: searchAttributes.worker, value: allocation.value.workerId }] : []),
  ];
  const next = nextForInstance({ spec: spec.value, status: status.value }, Date.now());
  const attributes = new TypedSearchAttributes(pairs);
  return next.kind === 'run' && next.step === 'schedule' ? { attributes, firstStep: next.step } : { attributes };
}

function workerStart(entries: WorkerEntries): LifecycleStart {
  return { attributes: new TypedSearchAttributes([...common(entries), { key: searchAttributes.worker, value: entries.id }]) };
}

function common({ spec, status }: InstanceEntries | WorkerEntries): SearchAttributePair[] {
  return [
    { key: searchAttributes.org, value: spec.value.org },
    { key: searchAttributes.phase, value: status.value.phase },
    { key: searchAttributes.stuck, value: isStuck(status.value) },
  ];
}
