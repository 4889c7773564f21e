import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { MaintenanceActivities } from '../activities';

const activities = proxyActivities<MaintenanceActivities>({
  startToCloseTimeout: '5m',
  retry: { maximumAttempts: 5 },
});

/** What a maintenance run answers: its report's id and the findings by kind. */
export interface MaintenanceSummary {
  readonly reportId: string;
  readonly findings: number;
  readonly summary: string;
}

/** Moves what has long ended from etcd to MongoDB, and writes a report. */
export async function retireObjects(): Promise<MaintenanceSummary> {
  return told(await activities.retireObjects());
}

/** Deletes bodies that nobody names, and writes a report. */
export async function sweepBodies(): Promise<MaintenanceSummary> {
  return told(await activities.sweepBodies());
}

/** Deletes snapshots that are older than they are kept, and writes a report. */
export async function deleteOldSnapshots(): Promise<MaintenanceSummary> {
  return told(await activities.deleteOldSnapshots());
}

/** Copies what closed runs of lifecycles tell before the engine drops them, and writes a report. */
export async function mirrorRuns(): Promise<MaintenanceSummary> {
  return told(await activities.mirrorRuns());
}

/** Shows a run's summary where operators see the run. */
function told(report: MaintenanceSummary): MaintenanceSummary {
  setCurrentDetails(report.summary);
  return report;
}

/** Proves that the ledger says what the allocations say, removes expired idempotency records, and writes a report. */
export async function auditLedger(): Promise<MaintenanceSummary> {
  return told(await activities.auditLedger());
}
