import type { Client, Connection } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { ObjectReference } from '../domain/answer';
import type { EngineOptions } from './connection';
import { isNotFound } from './errors';
import { lifecycleId } from './nudges';
import { registerSearchAttributes } from './search-attributes';

/** The one maintenance schedule. That it is there also says that the engine still has its memory. */
export const ledgerAuditScheduleId = 'berth-ledger-audit';
const ledgerAuditInterval = '10m';

/** Makes the maintenance schedules, unless they are there; answers whether any was missing. */
export async function ensureSchedules(client: Client, taskQueue: string): Promise<boolean> {
  try {
    await client.schedule.create({
      scheduleId: ledgerAuditScheduleId,
      spec: { intervals: [{ every: ledgerAuditInterval }] },
      action: { type: 'startWorkflow', workflowType: 'auditLedger', taskQueue, workflowId: 'maintenance/ledger-audit', args: [] },
      policies: { overlap: 'SKIP', catchupWindow: ledgerAuditInterval },
    });
    return true;
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return false;
    throw error;
  }
}

/** False when the schedule, and with it the engine's database, is gone; both that and the search attributes are then made anew. */
export async function engineRemembers(client: Client, connection: Connection, options: EngineOptions): Promise<boolean> {
  try {
    await client.schedule.getHandle(ledgerAuditScheduleId).describe();
    return true;
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await registerSearchAttributes(connection, options.namespace);
    return !(await ensureSchedules(client, options.taskQueue));
  }
}

/** Whether an object's lifecycle has an open run. */
export async function hasLifecycle(client: Client, object: ObjectReference): Promise<boolean> {
  try {
    const description = await client.workflow.getHandle(lifecycleId(object)).describe();
    return description.status.name === 'RUNNING';
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
