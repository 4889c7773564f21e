import type { Condition } from '../../domain/status';
import type { InstanceEntries, WorkerEntries } from '../../stores/etcd/objects';
import { resourceVersion } from '../../stores/etcd/objects';
import { headerView } from '../http/views';
import type { InstanceDocument } from './schemas';

/** An instance as it is shown; `worker` is the one that it is placed on, where it is known. */
export function viewOfInstance(entries: InstanceEntries, worker: WorkerEntries | undefined, revision: number): InstanceDocument {
  const { spec, status, allocation, observed } = entries;
  const { definition, intent, command, resources, ports, constraints, priority, maxDurationMs, restart, retry } = spec.value;
  const { phase, message, observedGeneration, lastReconcileTime, componentStatus, lastFailure, operation, halted, attempt, restarts, startedAt, deadlineAt } =
    status.value;
  const isOrphaned = allocation !== undefined && worker !== undefined && worker.lease === undefined;
  return {
    ...headerView(spec, { resourceVersion: resourceVersion(spec, status, allocation, observed), revision, archived: entries.archived }),
    spec: { definition, intent, ...(command && { command }), resources, ports, constraints, priority, ...(maxDurationMs !== undefined && { maxDurationMs }), restart, retry },
    status: {
      phase,
      message,
      conditions: isOrphaned ? status.value.conditions.map(unknownReadiness) : status.value.conditions,
      observedGeneration,
      lastReconcileTime,
      componentStatus,
      ...(lastFailure && { lastFailure }),
      ...(operation && { currentOperation: operation }),
      ...(halted && { halted }),
      resources: status.value.resources,
      attempt,
      restarts,
      ...(startedAt !== undefined && { startedAt }),
      ...(deadlineAt !== undefined && { deadlineAt }),
    },
    ...(allocation && {
      worker: { id: allocation.value.workerId, ...(worker && { name: worker.spec.value.name }) },
      ports: allocation.value.ports,
      ...(worker?.observed && { address: worker.observed.value.address }),
    }),
  };
}

/** Nobody sees the instances of a worker whose agent is gone, so what was last seen of them is no knowledge. */
function unknownReadiness(condition: Condition): Condition {
  if (condition.type !== 'Ready' || condition.status !== 'True') return condition;
  return { ...condition, status: 'Unknown', reason: 'WorkerOffline', message: 'its worker is offline; it was last seen ready' };
}
