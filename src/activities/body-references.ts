import { rebuildPageSize } from '../domain/limits';
import type { BodyCollection } from '../stores/etcd/body-guard';
import type { CachedObjects } from '../stores/etcd/objects';
import type { RetiredObject, RetiredObjects } from '../stores/mongo/retired-objects';

/**
 * Hashes of all bodies of a collection that something names, as a cache has it at its revision. A definition's document and its artifact stay for as long
 * as anything tells of it, which is for ever: it is part of what is on record of its instances. A workload follows from
 * them, and goes with the last instance in etcd that names it.
 */
export async function namedBodies(collection: BodyCollection, cached: CachedObjects, retired: Pick<RetiredObjects, 'list'>): Promise<ReadonlySet<string>> {
  if (collection === 'workloads') return new Set(namedWorkloads(cached));
  // From etcd before MongoDB: whatever retires is in the one until it has come to the other.
  const living = cached.definitions().map(({ spec, status }) => ({ spec: spec.value, status: status.value }));
  const all = [...living, ...(await everyRetiredDefinition(retired))];
  if (collection === 'lablet_definitions') return new Set(all.map(({ spec }) => spec.contentHash));
  return new Set(all.flatMap(({ spec, status }) => [spec.artifact?.sha256, status.artifact?.sha256].filter((hash) => hash !== undefined)));
}

function namedWorkloads(cached: CachedObjects): string[] {
  return [
    ...cached.instances().flatMap(({ status }) => status.value.workloadHash ?? []),
    ...cached.workers().flatMap(({ plan }) => [...plan.values()].map(({ value }) => value.workloadHash)),
  ];
}

async function everyRetiredDefinition(retired: Pick<RetiredObjects, 'list'>): Promise<ReadonlyArray<RetiredObject<'Definition'>>> {
  const all: Array<RetiredObject<'Definition'>> = [];
  for (let after = ''; ; ) {
    const page = await retired.list('Definition', {}, { after, limit: rebuildPageSize });
    all.push(...page);
    if (page.length < rebuildPageSize) return all;
    after = page[page.length - 1]!.id;
  }
}
