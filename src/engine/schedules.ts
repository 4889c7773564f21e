import type { Client } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { LifecycleKind, ObjectReference } from '../domain/answer';
import type { Engine, EngineCalls, EngineOptions } from './connection';
import { withinBound } from './connection';
import { isNotFound } from './errors';
import type { Nudges } from './nudges';
import { lifecycleId } from './nudges';
import { registerSearchAttributes } from './search-attributes';

/** The one maintenance schedule. That it is there also says that the engine still has its memory. */
export const ledgerAuditScheduleId = 'berth-ledger-audit';
const ledgerAuditInterval = '10m';

/** Makes the maintenance schedules, unless they are there. */
async function ensureSchedules(client: Client, taskQueue: string): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: ledgerAuditScheduleId,
      spec: { intervals: [{ every: ledgerAuditInterval }] },
      action: { type: 'startWorkflow', workflowType: 'auditLedger', taskQueue, workflowId: 'maintenance/ledger-audit', args: [] },
      policies: { overlap: 'SKIP', catchupWindow: ledgerAuditInterval },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

async function hasSchedules(client: Client): Promise<boolean> {
  try {
    await client.schedule.getHandle(ledgerAuditScheduleId).describe();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/**
 * What the engine knows of us. The schedule is its sentinel, so it is made last, once everything alive has its
 * lifecycle, and by the one who sees to that: whoever else made it would hide that the rest is still missing.
 */
export function engineMemory(engine: Engine, nudges: Nudges, options: EngineOptions) {
  const { client, connection } = engine;
  return {
    isThere: () => withinBound(engine, 'find schedule', () => hasSchedules(client)),
    prepare: () => withinBound(engine, 'register search attributes', () => registerSearchAttributes(connection, options.namespace)),
    restore: (kind: LifecycleKind, id: string) => nudges.deliver({ kind, id }),
    complete: () => withinBound(engine, 'make schedule', () => ensureSchedules(client, options.taskQueue)),
  };
}

/** Whether an object's lifecycle has an open run. */
export async function hasLifecycle(engine: EngineCalls, object: ObjectReference): Promise<boolean> {
  try {
    const description = await withinBound(engine, 'describe lifecycle', () => engine.client.workflow.getHandle(lifecycleId(object)).describe());
    return description.status.name === 'RUNNING';
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
