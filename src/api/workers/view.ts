import { emptyCapacity, limitOf } from '../../domain/capacity';
import { emptyPorts, heldPorts, portView } from '../../domain/ports';
import type { InstanceEntries, WorkerEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { headerView } from '../http/views';
import type { CapacityView, PortsView, WorkerDocument } from './schemas';

/** A worker as it is shown: never the hash of its agent's token. */
export function viewOfWorker(entries: WorkerEntries, revision: number): WorkerDocument {
  const { spec, status, capacity, ports, observed, lease, plan } = entries;
  const { name, template, intent, command, provider, capacity: declared, cpuRatio, portRange, provisionTimeoutMs } = spec.value;
  const { phase, message, conditions, observedGeneration, lastReconcileTime, lastFailure, operation, resources, attempt, externalId } = status.value;
  return {
    ...headerView(spec, { resourceVersion: resourceVersion(spec, status, capacity, ports, observed, lease, ...plan.values()), revision, archived: entries.archived }),
    spec: { name, template, intent, ...(command && { command }), provider, capacity: declared, cpuRatio, portRange, provisionTimeoutMs },
    status: {
      phase,
      health: lease ? 'Healthy' : 'Offline',
      message,
      conditions,
      observedGeneration,
      lastReconcileTime,
      ...(lastFailure && { lastFailure }),
      ...(operation && { currentOperation: operation }),
      resources,
      attempt,
      ...(externalId !== undefined && { externalId }),
    },
    ...(observed && {
      host: { hostname: observed.value.hostname, address: observed.value.address, agentVersion: observed.value.agentVersion },
    }),
    ...noticeOf(entries),
  };
}

function noticeOf({ spec, status, capacity }: WorkerEntries): { readonly notice?: string } {
  if (spec.value.intent !== 'terminated' || status.value.phase === 'TERMINATED') return {};
  const instances = capacity?.value.instances ?? 0;
  if (instances === 0) return { notice: 'it is being terminated' };
  return { notice: `it takes no new instances and ends when the last of its ${instances} instances is gone` };
}

/** What a worker has, has promised, and can still promise. */
export function viewOfCapacity({ spec, capacity }: WorkerEntries, revision: number): CapacityView {
  const ledger = capacity?.value ?? emptyCapacity(spec.value.capacity);
  const { cpuRatio } = spec.value;
  const available = (dimension: keyof typeof ledger.declared) => limitOf(ledger, dimension, cpuRatio) - ledger.allocated[dimension];
  return {
    declared: ledger.declared,
    cpuRatio,
    allocated: ledger.allocated,
    available: { cpuMillicores: available('cpuMillicores'), memoryMib: available('memoryMib'), storageMib: available('storageMib') },
    instances: ledger.instances,
    revision: String(revision),
  };
}

/** Who holds which port of a worker; `instances` are those that are placed on it. */
export function viewOfPorts({ spec, ports, observed }: WorkerEntries, instances: readonly InstanceEntries[], revision: number): PortsView {
  const ledger = ports?.value ?? emptyPorts(spec.value.portRange);
  const hostPorts = observed?.value.hostPorts ?? [];
  const holders = new Map(
    instances.flatMap(({ id, allocation }) =>
      Object.entries(allocation?.value.ports ?? {}).map(([port, number]) => [number, { kind: 'instance' as const, id, port }] as const),
    ),
  );
  const allocated = heldPorts(ledger).map((port) => ({ port, holder: holders.get(port) ?? { kind: 'unknown' as const } }));
  const byHost = hostPorts.filter((port) => port >= ledger.from && port <= ledger.to).map((port) => ({ port, holder: { kind: 'host' as const } }));
  return {
    range: { from: ledger.from, to: ledger.to },
    free: portView(ledger, hostPorts).free,
    held: [...allocated, ...byHost].sort((one, other) => one.port - other.port),
    revision: String(revision),
  };
}
