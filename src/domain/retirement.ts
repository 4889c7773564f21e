import type { DefinitionStatus } from './definition';
import type { InstanceStatus } from './instance';
import type { WorkerStatus } from './worker';

/** When an instance or worker came to its end, ISO 8601; undefined while it has not. A TERMINATED one is left alone from then on. */
export function terminatedAt({ phase, lastReconcileTime }: Pick<InstanceStatus | WorkerStatus, 'phase' | 'lastReconcileTime'>): string | undefined {
  return phase === 'TERMINATED' ? lastReconcileTime : undefined;
}

/** When a definition was deleted, ISO 8601; undefined while it is there. */
export function deletedAt({ phase, updatedAt }: Pick<DefinitionStatus, 'phase' | 'updatedAt'>): string | undefined {
  return phase === 'DELETED' ? updatedAt : undefined;
}

/** Whether what came to its end then has been kept for as long as it should be. */
export function isPastRetention(endedAt: string, nowMs: number, retentionMs: number): boolean {
  return nowMs - Date.parse(endedAt) >= retentionMs;
}
