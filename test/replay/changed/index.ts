import { proxyLocalActivities } from '@temporalio/workflow';
import type { LifecycleActivities } from '../../../src/activities';
import * as unchanged from '../../../src/workflows';

export { auditLedger } from '../../../src/workflows';

/** Lifecycles as somebody might change them without thinking of those that are under way: they look once more. */
const { look } = proxyLocalActivities<LifecycleActivities>({ startToCloseTimeout: '15s' });

export async function instance(id: string): Promise<void> {
  await look({ kind: 'Instance', id });
  await unchanged.instance(id);
}

export async function worker(id: string): Promise<void> {
  await look({ kind: 'Worker', id });
  await unchanged.worker(id);
}
