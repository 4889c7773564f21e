/** Every function exported here is a workflow type. */
import type { LifecycleStep, ObjectReference } from '../domain/answer';
import { followLifecycle } from './lifecycle';
export { auditLedger, deleteOldSnapshots, mirrorRuns, retireObjects, sweepBodies } from './maintenance';

/** The lifecycle of one instance, id `instance/<id>`. */
export async function instance(id: string, firstStep?: LifecycleStep): Promise<void> {
  await followLifecycle({ kind: 'Instance', id } satisfies ObjectReference, firstStep);
}

/** The lifecycle of one worker, id `worker/<id>`. */
export async function worker(id: string, firstStep?: LifecycleStep): Promise<void> {
  await followLifecycle({ kind: 'Worker', id } satisfies ObjectReference, firstStep);
}
