import type { Allocation, InstanceStatus } from './instance';
import { mayExistOnHost } from './instance-steps';
import { holdsNothing } from './phases';
import type { PlanEntry, Wanted } from './plan';

/** As much of a status as says what the host was told last. */
export type PlannedStatus = Pick<InstanceStatus, 'phase' | 'attempt' | 'undo' | 'operation' | 'workloadHash'>;

/**
 * The entry that an allocation must have in its worker's plan, or `none` before its first start. The commit that
 * changes the one changes the other, so at every revision this is so. Undefined: the status does not say.
 */
export function planEntryOf(instanceId: string, status: PlannedStatus, { allocationId }: Allocation): PlanEntry | 'none' | undefined {
  // Holding an allocation at all is then the fault.
  if (holdsNothing(status.phase)) return undefined;
  if (!mayExistOnHost({ status })) return 'none';
  const wanted = wantedBy(status);
  if (wanted === undefined) return undefined;
  return { schemaVersion: 1, allocationId, instanceId, attempt: status.attempt, wanted, workloadHash: status.workloadHash ?? '' };
}

function wantedBy({ phase, operation }: PlannedStatus): Wanted | undefined {
  if (operation?.state === 'undo') return 'absent';
  switch (phase) {
    case 'INSTANTIATING':
    case 'RUNNING':
      return 'running';
    case 'STOPPED':
      return 'stopped';
    case 'STOPPING':
      return operation?.step === 'remove' ? 'absent' : operation?.step === 'stop' ? 'stopped' : undefined;
    default:
      return undefined;
  }
}

/** How an entry differs from what it must say, in words; empty when it does not. */
export function differencesOfEntry(found: PlanEntry, expected: PlanEntry): string {
  const fields = ['instanceId', 'attempt', 'wanted', 'workloadHash'] as const;
  const different = fields.filter((field) => found[field] !== expected[field]);
  return different.map((field) => `${field} ${found[field] || 'none'} instead of ${expected[field] || 'none'}`).join(', ');
}
