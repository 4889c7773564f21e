import type { DefinitionSpec, DefinitionStatus } from '../../domain/definition';
import type { Allocation, InstanceSpec, InstanceStatus } from '../../domain/instance';
import type { Observation, PlanEntry, WorkerObservation } from '../../domain/plan';
import type { QuotaUsage } from '../../domain/quota';
import type { WorkerCapacity, WorkerPorts, WorkerSpec, WorkerStatus, WorkerTemplateSpec } from '../../domain/worker';
import type { Entry, EtcdClient, KeyedEntry } from './client';
import { ObjectNotFoundError } from './errors';
import { keys, parseKey } from './keys';
import type { WatchCache } from './watch-cache';

/** The keys of one instance, each with the revision of its last change. */
export interface InstanceEntries {
  readonly id: string;
  readonly spec: Entry<InstanceSpec>;
  readonly status: Entry<InstanceStatus>;
  readonly allocation: Entry<Allocation> | undefined;
  readonly observed: Entry<Observation> | undefined;
  /** It has retired: read from the archive, as it was last. */
  readonly archived?: true;
}

export interface WorkerEntries {
  readonly id: string;
  readonly spec: Entry<WorkerSpec>;
  readonly status: Entry<WorkerStatus>;
  readonly capacity: Entry<WorkerCapacity> | undefined;
  readonly ports: Entry<WorkerPorts> | undefined;
  readonly observed: Entry<WorkerObservation> | undefined;
  /** There while the agent is alive. */
  readonly lease: Entry<unknown> | undefined;
  /** By allocation id; of the watch cache it shows what is there when it is asked for. */
  readonly plan: ReadonlyMap<string, Entry<PlanEntry>>;
  /** It has retired: read from the archive, as it was last. */
  readonly archived?: true;
}

export interface DefinitionEntries {
  readonly id: string;
  readonly spec: Entry<DefinitionSpec>;
  readonly status: Entry<DefinitionStatus>;
  /** It has retired: read from the archive, as it was last. */
  readonly archived?: true;
}

export interface TemplateEntries {
  readonly id: string;
  readonly spec: Entry<WorkerTemplateSpec>;
}

/** As the ledger is audited. */
export interface Everything {
  readonly revision: number;
  readonly instances: readonly InstanceEntries[];
  readonly workers: readonly WorkerEntries[];
  readonly definitions: readonly DefinitionEntries[];
  /** By key. */
  readonly quotas: ReadonlyMap<string, Entry<QuotaUsage>>;
}

type Parts = ReadonlyMap<string, KeyedEntry>;

/** The highest revision of an object's keys: its resourceVersion. */
export function resourceVersion(...entries: ReadonlyArray<Entry<unknown> | undefined>): number {
  return Math.max(0, ...entries.map((entry) => entry?.revision ?? 0));
}

/** Reads objects as they are in etcd now. Each answer is of one revision. */
export class FreshObjects {
  constructor(private readonly client: EtcdClient) {}

  /** Throws ObjectNotFoundError. */
  async instance(id: string): Promise<InstanceEntries> {
    return required('instance', id, toInstance(id, await this.parts(keys.instance(id))));
  }

  /** Throws ObjectNotFoundError. */
  async worker(id: string): Promise<WorkerEntries> {
    return required('worker', id, toWorker(id, await this.parts(keys.worker(id))));
  }

  /** Throws ObjectNotFoundError. */
  async definition(id: string): Promise<DefinitionEntries> {
    return required('definition', id, toDefinition(id, await this.parts(keys.definition(id))));
  }

  /** All that the ledger and the quotas are kept of, with both, at one revision. */
  async everything(): Promise<Everything> {
    const { revision, lists } = await this.client.listTogether(['instances/', 'workers/', 'definitions/', 'quotas/']);
    const [instances = [], workers = [], definitions = []] = lists.map(groupById);
    return {
      revision,
      instances: instances.flatMap(([id, parts]) => toInstance(id, parts) ?? []),
      workers: workers.flatMap(([id, parts]) => toWorker(id, parts) ?? []),
      definitions: definitions.flatMap(([id, parts]) => toDefinition(id, parts) ?? []),
      quotas: new Map((lists[3] ?? []).map((entry) => [entry.key, entry as Entry<QuotaUsage>])),
    };
  }

  private async parts(prefix: string): Promise<Parts> {
    const { entries } = await this.client.list(prefix);
    return new Map(entries.map((entry) => [parseKey(entry.key).part, entry]));
  }
}

/** Reads objects from the watch cache: cheap, consistent with each other, and at the cache's revision. */
export class CachedObjects {
  constructor(readonly cache: WatchCache) {}

  instance(id: string): InstanceEntries | undefined {
    return toInstance(id, this.cache.object('instances', id));
  }

  worker(id: string): WorkerEntries | undefined {
    return toWorker(id, this.cache.object('workers', id));
  }

  definition(id: string): DefinitionEntries | undefined {
    return toDefinition(id, this.cache.object('definitions', id));
  }

  template(id: string): TemplateEntries | undefined {
    return toTemplate(id, this.cache.object('templates', id));
  }

  instances(): InstanceEntries[] {
    return this.all('instances', (id) => this.instance(id));
  }

  workers(): WorkerEntries[] {
    return this.all('workers', (id) => this.worker(id));
  }

  definitions(): DefinitionEntries[] {
    return this.all('definitions', (id) => this.definition(id));
  }

  templates(): TemplateEntries[] {
    return this.all('templates', (id) => this.template(id));
  }

  private all<T>(collection: string, read: (id: string) => T | undefined): T[] {
    return this.cache.ids(collection).flatMap((id) => read(id) ?? []);
  }
}

function groupById(entries: readonly KeyedEntry[]): Array<readonly [id: string, parts: Parts]> {
  const groups = new Map<string, Map<string, KeyedEntry>>();
  for (const entry of entries) {
    const { id, part: name } = parseKey(entry.key);
    let parts = groups.get(id);
    if (!parts) groups.set(id, (parts = new Map<string, KeyedEntry>()));
    parts.set(name, entry);
  }
  return [...groups];
}

function toInstance(id: string, parts: Parts): InstanceEntries | undefined {
  const spec = part<InstanceSpec>(parts, 'spec');
  const status = part<InstanceStatus>(parts, 'state');
  if (!spec || !status) return undefined;
  return { id, spec, status, allocation: part(parts, 'worker'), observed: part(parts, 'observed') };
}

function toWorker(id: string, parts: Parts): WorkerEntries | undefined {
  const spec = part<WorkerSpec>(parts, 'spec');
  const status = part<WorkerStatus>(parts, 'state');
  if (!spec || !status) return undefined;
  return {
    id,
    spec,
    status,
    capacity: part(parts, 'capacity'),
    ports: part(parts, 'ports'),
    observed: part(parts, 'observed'),
    lease: part(parts, 'lease'),
    // Made when it is asked for: most who look at a worker do not, and it may be long.
    get plan() {
      return planOf(parts);
    },
  };
}

function planOf(parts: Parts): ReadonlyMap<string, Entry<PlanEntry>> {
  const plan = [...parts].filter(([name]) => name.startsWith('plan/'));
  return new Map(plan.map(([name, entry]) => [name.slice('plan/'.length), entry as Entry<PlanEntry>]));
}

function toDefinition(id: string, parts: Parts): DefinitionEntries | undefined {
  const spec = part<DefinitionSpec>(parts, 'spec');
  const status = part<DefinitionStatus>(parts, 'state');
  return spec && status && { id, spec, status };
}

function toTemplate(id: string, parts: Parts): TemplateEntries | undefined {
  const spec = part<WorkerTemplateSpec>(parts, 'spec');
  return spec && { id, spec };
}

/** What is stored under a key has the shape that its writer gave it; all writers are in this repository. */
function part<T>(parts: Parts, name: string): Entry<T> | undefined {
  return parts.get(name) as Entry<T> | undefined;
}

function required<T>(kind: string, id: string, found: T | undefined): T {
  if (!found) throw new ObjectNotFoundError(kind, id);
  return found;
}
