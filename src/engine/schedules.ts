import type { Client } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleNotFoundError } from '@temporalio/client';
import type { LifecycleKind, ObjectReference } from '../domain/answer';
import type { Engine, EngineCalls, EngineOptions } from './connection';
import { withinBound } from './connection';
import { isNotFound } from './errors';
import type { Nudges } from './nudges';
import { lifecycleId } from './nudges';
import { registerSearchAttributes } from './search-attributes';

interface MaintenanceSchedule {
  readonly scheduleId: string;
  readonly every: '10m' | '1h' | '1d';
  readonly workflowType: string;
  readonly workflowId: string;
}

/** That this one is there also says that the engine still has its memory, so it is made last. */
export const ledgerAuditScheduleId = 'berth-ledger-audit';
const sentinel: MaintenanceSchedule = { scheduleId: ledgerAuditScheduleId, every: '10m', workflowType: 'auditLedger', workflowId: 'maintenance/ledger-audit' };

/** Work that happens from time to time, besides the ledger audit. */
export const maintenanceSchedules: readonly MaintenanceSchedule[] = [
  { scheduleId: 'berth-retirement', every: '10m', workflowType: 'retireObjects', workflowId: 'maintenance/retirement' },
  { scheduleId: 'berth-body-sweep', every: '1h', workflowType: 'sweepBodies', workflowId: 'maintenance/body-sweep' },
  // Far more often than the shortest time for which an engine keeps what has closed.
  { scheduleId: 'berth-run-mirror', every: '10m', workflowType: 'mirrorRuns', workflowId: 'maintenance/run-mirror' },
  { scheduleId: 'berth-snapshot-retention', every: '1d', workflowType: 'deleteOldSnapshots', workflowId: 'maintenance/snapshot-retention' },
];

/** Makes schedules, one after the other, unless they are there. */
async function ensureSchedules(client: Client, taskQueue: string, schedules: readonly MaintenanceSchedule[]): Promise<void> {
  for (const schedule of schedules) await ensureSchedule(client, taskQueue, schedule);
}

async function ensureSchedule(client: Client, taskQueue: string, { scheduleId, every, workflowType, workflowId }: MaintenanceSchedule): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every }] },
      action: { type: 'startWorkflow', workflowType, taskQueue, workflowId, args: [] },
      policies: { overlap: 'SKIP', catchupWindow: every },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

async function hasSentinel(client: Client): Promise<boolean> {
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
  const { namespace, taskQueue } = options;
  let hasAllSchedules = false;
  // An engine that an older program prepared has its memory, and yet lacks what that one did not know of.
  const isThere = async () => {
    if (!(await hasSentinel(client))) return false;
    if (!hasAllSchedules) await ensureSchedules(client, taskQueue, maintenanceSchedules);
    hasAllSchedules = true;
    return true;
  };
  return {
    isThere: () => withinBound(engine, 'find schedules', isThere),
    prepare: () => withinBound(engine, 'register search attributes', () => registerSearchAttributes(connection, namespace)),
    restore: (kind: LifecycleKind, id: string) => nudges.deliver({ kind, id }),
    complete: () => withinBound(engine, 'make schedules', () => ensureSchedules(client, taskQueue, [...maintenanceSchedules, sentinel])),
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
