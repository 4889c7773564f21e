/** Every function exported here is a workflow type. */
import type { ObjectReference } from '../domain/answer';
import { followLifecycle } from './lifecycle';
export { auditLedger } from './maintenance';

/** The lifecycle of one instance, id `instance/<id>`. */
export async function instance(id: string): Promise<void> {
  await followLifecycle({ kind: 'Instance', id } satisfies ObjectReference);
}

/** The lifecycle of one worker, id `worker/<id>`. */
export async function worker(id: string): Promise<void> {
  await followLifecycle({ kind: 'Worker', id } satisfies ObjectReference);
}
