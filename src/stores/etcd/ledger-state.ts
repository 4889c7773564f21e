import type { LedgerState } from '../../domain/ledger';
import { heldByDefinition, heldByInstance } from '../../domain/quota';
import type { QuotaState } from '../../domain/quota-audit';
import type { DefinitionEntries, Everything, InstanceEntries, WorkerEntries } from './objects';

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

/** The quotas as the audit sees them. */
export function quotasOf({ instances, definitions, quotas }: Pick<Everything, 'instances' | 'definitions' | 'quotas'>): QuotaState {
  return {
    held: [...instances.flatMap(chargeOf), ...definitions.flatMap(chargeOfVersion)],
    usages: new Map([...quotas].map(([key, { value }]) => [key, value])),
  };
}

function chargeOf({ spec }: InstanceEntries): QuotaState['held'] {
  const amounts = heldByInstance(spec.value);
  return amounts ? [{ owner: spec.value, amounts }] : [];
}

function chargeOfVersion({ spec, status }: DefinitionEntries): QuotaState['held'] {
  const amounts = heldByDefinition(spec.value, status.value.phase);
  return amounts ? [{ owner: spec.value, amounts }] : [];
}

function isOpen(phase: string): boolean {
  return phase === 'RUNNING' || phase === 'DRAINING';
}
