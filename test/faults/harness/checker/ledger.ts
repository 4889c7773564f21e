import { limitOf } from '../../../../src/domain/capacity';
import type { Dimension } from '../../../../src/domain/capacity';
import type { Allocation, InstanceStatus } from '../../../../src/domain/instance';
import type { LedgerState } from '../../../../src/domain/ledger';
import { auditLedger } from '../../../../src/domain/ledger';
import type { PlanEntry } from '../../../../src/domain/plan';
import { inRange } from '../../../../src/domain/port-bitmap';
import type { WorkerCapacity, WorkerPorts, WorkerSpec } from '../../../../src/domain/worker';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RunHistory, StoreChange, StoreRevision } from '../history';
import type { Finding, Rule } from './rule';
import { objectOf, StoreState } from './store-state';

/** At every revision: one holder a port, nothing promised twice, and bitmap, sums and plan as the allocations say. */
export const ledger: Rule = {
  promise: 'no port has two holders, nothing is oversubscribed, and the ledger agrees with the allocations',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const fold = new LedgerFold();
    return store.revisions.flatMap((revision) => fold.findingsAt(revision));
  },
};

const dimensions: readonly Dimension[] = ['memoryMib', 'storageMib', 'cpuMillicores'];

/** Follows the ledger, and audits after each revision only whom it touched. */
class LedgerFold {
  private readonly state = new StoreState();
  /** By worker, then by instance. */
  private readonly allocations = new Map<string, Map<string, Allocation>>();
  /** By worker, then by allocation. */
  private readonly plans = new Map<string, Map<string, PlanEntry>>();
  /** What is known to be broken: a fault that stays for a thousand revisions is one finding. */
  private readonly broken = new Map<string, ReadonlySet<string>>();

  findingsAt(revision: StoreRevision): Finding[] {
    const workers = new Set<string>();
    const instances = new Set<string>();
    for (const change of revision.changes) this.follow(change, workers, instances);
    this.state.apply(revision);
    if (workers.size === 0 && instances.size === 0) return [];
    for (const worker of workers) for (const id of this.on(worker).keys()) instances.add(id);
    const found = this.audit(workers, instances).map((finding) => ({ ...finding, revision: revision.revision }));
    return this.news(found, [...[...workers].map((id) => `workers/${id}`), ...[...instances].map((id) => `instances/${id}`)]);
  }

  /** Brings the indexes up to date, and notes whom the change touches. */
  private follow(change: StoreChange, workers: Set<string>, instances: Set<string>): void {
    const { collection, id, part } = objectOf(change.key);
    if (collection === 'instances' && part === 'state') instances.add(id);
    if (collection === 'instances' && part === 'worker') {
      instances.add(id);
      const former = this.state.value<Allocation>(change.key);
      if (former) {
        workers.add(former.workerId);
        this.on(former.workerId).delete(id);
      }
      if (change.deleted) return;
      const allocation = change.value as Allocation;
      workers.add(allocation.workerId);
      this.on(allocation.workerId).set(id, allocation);
    }
    if (collection === 'workers' && (part === 'capacity' || part === 'ports')) workers.add(id);
    if (collection === 'workers' && part.startsWith('plan/')) {
      const allocationId = part.slice('plan/'.length);
      // What an entry says is no part of the ledger; that it is there is.
      if (change.deleted === true || !this.plan(id).has(allocationId)) workers.add(id);
      if (change.deleted) this.plan(id).delete(allocationId);
      else this.plan(id).set(allocationId, change.value as PlanEntry);
    }
  }

  private audit(workerIds: ReadonlySet<string>, instanceIds: ReadonlySet<string>): Finding[] {
    const instances = [...instanceIds].flatMap((id) => this.instance(id) ?? []);
    const workers = [...workerIds].filter((id) => this.spec(id) !== undefined);
    return [
      ...this.auditedByTheProduct({ instances, workers: workers.map((id) => this.worker(id)) }),
      ...workers.flatMap((id) => [...this.oversubscribed(id), ...this.outOfRange(id)]),
    ];
  }

  private auditedByTheProduct(part: LedgerState): Finding[] {
    const holders = new Map(part.instances.map(({ id, allocation }) => [`instances/${id}`, allocation?.workerId]));
    return auditLedger(part)
      // Workers that were not touched are not handed in, and yet exist.
      .filter(({ code, object }) => code !== 'allocation_without_worker' || this.spec(holders.get(object) ?? '') === undefined)
      .map(({ code, object, message }) => ({ rule: code.replaceAll('_', '-'), object, message }));
  }

  private oversubscribed(workerId: string): Finding[] {
    const { capacity, cpuRatio } = this.spec(workerId)!;
    const held = [...this.on(workerId).values()];
    return dimensions.flatMap((dimension) => {
      const sum = held.reduce((total, { resources }) => total + resources[dimension], 0);
      const limit = limitOf({ schemaVersion: 1, declared: capacity, allocated: capacity, instances: 0 }, dimension, cpuRatio);
      if (sum <= limit) return [];
      return [{ rule: 'oversubscribed', object: `workers/${workerId}/${dimension}`, message: `${sum} is promised to ${held.length} allocations, of ${limit}` }];
    });
  }

  private outOfRange(workerId: string): Finding[] {
    const { portRange } = this.spec(workerId)!;
    return [...this.on(workerId)].flatMap(([id, { ports }]) => {
      const outside = Object.entries(ports).filter(([, port]) => !inRange(portRange, port));
      return outside.map(([name, port]) => ({
        rule: 'port-out-of-range',
        object: `instances/${id}`,
        message: `holds port ${port} as ${name}; worker ${workerId} has ${portRange.from}-${portRange.to}`,
      }));
    });
  }

  /** What was not broken already when its subject was audited last. */
  private news(found: readonly Finding[], audited: readonly string[]): Finding[] {
    const bySubject = new Map<string, Finding[]>();
    for (const finding of found) {
      const subject = objectOf(finding.object).object;
      bySubject.set(subject, [...(bySubject.get(subject) ?? []), finding]);
    }
    return audited.flatMap((subject) => {
      const findings = bySubject.get(subject) ?? [];
      const before = this.broken.get(subject);
      if (findings.length === 0) {
        if (before) this.broken.delete(subject);
        return [];
      }
      this.broken.set(subject, new Set(findings.map(identityOf)));
      return findings.filter((finding) => !before?.has(identityOf(finding)));
    });
  }

  private instance(id: string): LedgerState['instances'][number] | undefined {
    const status = this.state.value<InstanceStatus>(keys.instanceStatus(id));
    const allocation = this.state.value<Allocation>(keys.instanceAllocation(id));
    if (!status && !allocation) return undefined;
    // An allocation whose instance is gone is held by something that holds nothing.
    return { id, status: status ?? { phase: 'TERMINATED' }, ...(allocation && { allocation }) };
  }

  private worker(id: string): LedgerState['workers'][number] {
    const capacity = this.state.value<WorkerCapacity>(keys.workerCapacity(id));
    const ports = this.state.value<WorkerPorts>(keys.workerPorts(id));
    return { id, ...(capacity && { capacity }), ...(ports && { ports }), plan: [...this.plan(id).values()] };
  }

  private spec(workerId: string): WorkerSpec | undefined {
    return this.state.value<WorkerSpec>(keys.workerSpec(workerId));
  }

  private on(workerId: string): Map<string, Allocation> {
    return getOrMake(this.allocations, workerId);
  }

  private plan(workerId: string): Map<string, PlanEntry> {
    return getOrMake(this.plans, workerId);
  }
}

/** Sums differ anew with every commit after the first wrong one; ports are wrong one by one. */
function identityOf({ rule, object, message }: Finding): string {
  return rule.startsWith('port') || rule.endsWith('port') ? `${rule} ${object} ${message}` : `${rule} ${object}`;
}

function getOrMake<Value>(maps: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let found = maps.get(key);
  if (!found) maps.set(key, (found = new Map<string, Value>()));
  return found;
}
