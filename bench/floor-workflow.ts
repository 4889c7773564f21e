import { proxyLocalActivities } from '@temporalio/workflow';

const { noop } = proxyLocalActivities<{ noop(): Promise<void> }>({ startToCloseTimeout: '10s' });

/** The floor: what the engine costs for three local activities that do nothing. */
export async function floor(): Promise<void> {
  await noop();
  await noop();
  await noop();
}
