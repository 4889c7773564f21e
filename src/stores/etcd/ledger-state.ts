import type { LedgerState } from '../../domain/ledger';
import type { InstanceEntries, WorkerEntries } from './objects';

/** The ledger as the audit sees it. */
export function ledgerOf(state: { readonly instances: readonly InstanceEntries[]; readonly workers: readonly WorkerEntries[] }): LedgerState {
  return {
    instances: state.instances.map(({ id, status, allocation }) => ({ id, status: status.value, ...(allocation && { allocation: allocation.value }) })),
    workers: state.workers.map(({ id, spec, status, capacity, ports, plan }) => ({
      id,
      ...(isOpen(status.value.phase) && { opened: { capacity: spec.value.capacity, portRange: spec.value.portRange } }),
      ...(capacity && { capacity: capacity.value }),
      ...(ports && { ports: ports.value }),
      plan: [...plan.values()].map((entry) => entry.value),
    })),
  };
}

function isOpen(phase: string): boolean {
  return phase === 'RUNNING' || phase === 'DRAINING';
}
