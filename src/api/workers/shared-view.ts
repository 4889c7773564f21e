import { capacityFrom } from '../../domain/ledger-sums';
import type { InstanceEntries, WorkerEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { headerView } from '../http/views';
import type { CapacityView, PortsView, WorkerDocument } from './schemas';

/*
 * What a tenant is shown of a worker that serves all orgs: what it is and whether it works. How full it is, what goes on on
 * it and what it waits for would tell of others.
 */

/** The worker, without whatever counts or follows from the instances on it, and without what only its operators use. */
export function sharedViewOfWorker({ spec, status, lease, archived }: WorkerEntries, revision: number): WorkerDocument {
  const { name, template, intent, provider, capacity, cpuRatio, portRange, provisionTimeoutMs } = spec.value;
  const { phase, observedGeneration, lastReconcileTime } = status.value;
  const isLeaving = intent === 'terminated' && phase !== 'TERMINATED';
  return {
    ...headerView(spec, { resourceVersion: resourceVersion(spec, status), revision, archived }),
    spec: { name, template, intent, provider, capacity, cpuRatio, portRange, provisionTimeoutMs },
    status: {
      phase,
      health: lease ? 'Healthy' : 'Offline',
      message: `it is ${phase}`,
      conditions: status.value.conditions.map((condition) => ({ ...condition, message: condition.reason })),
      observedGeneration,
      lastReconcileTime,
      resources: {},
      attempt: 0,
    },
    ...(isLeaving && { notice: 'it takes no new instances' }),
  };
}

/** What a worker has, and what of it one's own instances were promised. */
export function sharedViewOfCapacity({ spec }: WorkerEntries, own: readonly InstanceEntries[], revision: number): CapacityView {
  const allocations = own.flatMap(({ allocation }) => (allocation === undefined ? [] : [allocation.value]));
  const { declared, allocated, instances } = capacityFrom(spec.value.capacity, allocations);
  return { declared, cpuRatio: spec.value.cpuRatio, allocated, instances, revision: String(revision) };
}

/** Which ports of a worker one's own instances hold. */
export function sharedViewOfPorts({ spec }: WorkerEntries, own: readonly InstanceEntries[], revision: number): PortsView {
  const held = own.flatMap(({ id, allocation }) =>
    Object.entries(allocation?.value.ports ?? {}).map(([name, port]) => ({ port, holder: { kind: 'instance' as const, id, port: name } })),
  );
  return { range: spec.value.portRange, held: held.sort((one, other) => one.port - other.port), revision: String(revision) };
}
