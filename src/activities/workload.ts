import { LRUCache } from 'lru-cache';
import type { DefinitionBody } from '../domain/definition';
import type { ObservedFailure } from '../domain/plan';
import type { Workload } from '../domain/workload';
import { renderWorkload, WorkloadRefused } from '../domain/workload-render';
import type { GuardedBody } from '../stores/etcd/body-guard';
import { putGuarded } from '../stores/etcd/body-guard';
import type { Bodies } from '../stores/mongo/bodies';
import type { CachedObjects, FreshObjects, InstanceEntries } from '../stores/etcd/objects';

export type WorkloadFault = { readonly failure: ObservedFailure };
export type PreparedWorkload = GuardedBody | WorkloadFault;

/** More than are ever placed and not yet started. */
const aheadMax = 1_000;

export interface WorkloadsDependencies {
  readonly cached: CachedObjects;
  readonly fresh: FreshObjects;
  readonly definitions: Bodies<DefinitionBody>;
  readonly artifacts: Bodies<string>;
  readonly workloads: Bodies<Workload>;
}

/** Makes the document that tells a host what to run, and stores it before any commit names it. */
export class Workloads {
  constructor(private readonly dependencies: WorkloadsDependencies) {}

  /** Workloads that are being made ahead, by allocation. */
  private readonly ahead = new LRUCache<string, Promise<PreparedWorkload>>({ max: aheadMax });

  /** Begins to make the workload of an instance that was just placed, so that its start need not wait for the store. */
  prepareAhead(entries: InstanceEntries): void {
    const { allocationId } = entries.allocation!.value;
    const made = this.make(entries);
    // A failure is not lost: the start makes it again, and fails itself.
    made.catch(() => this.ahead.delete(allocationId));
    this.ahead.set(allocationId, made);
  }

  /** The workload as it is stored, or why it can never be made. */
  async prepare(entries: InstanceEntries): Promise<PreparedWorkload> {
    const { allocationId } = entries.allocation!.value;
    const begun = this.ahead.get(allocationId);
    this.ahead.delete(allocationId);
    return (await begun?.catch(() => undefined)) ?? this.make(entries);
  }

  private async make(entries: InstanceEntries): Promise<PreparedWorkload> {
    const { definitions, workloads, cached } = this.dependencies;
    const allocation = entries.allocation!.value;
    const body = await definitions.get(entries.spec.value.definition.contentHash);
    const artifactText = body.artifact && (await this.artifact(entries));
    const address = cached.worker(allocation.workerId)?.observed?.value.address ?? '127.0.0.1';
    try {
      const workload = renderWorkload({ body, ...(artifactText !== undefined && { artifactText }), instanceId: entries.id, ports: allocation.ports, address });
      return await putGuarded(cached.cache, 'workloads', workloads, workload);
    } catch (error) {
      if (!(error instanceof WorkloadRefused)) throw error;
      return { failure: { class: 'configuration', reason: 'WorkloadRefused', message: error.message } };
    }
  }

  private async artifact(entries: InstanceEntries): Promise<string> {
    const { cached, fresh, artifacts } = this.dependencies;
    const { id } = entries.spec.value.definition;
    const definition = cached.definition(id) ?? (await fresh.definition(id));
    return artifacts.get(definition.status.value.artifact?.sha256 ?? '');
  }
}
