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

/** Proves that the ledger says what the allocations say, removes expired idempotency records, and writes a report. */
export async function auditLedger(): Promise<MaintenanceSummary> {
  const report = await activities.auditLedger();
  setCurrentDetails(report.summary);
  return report;
}
