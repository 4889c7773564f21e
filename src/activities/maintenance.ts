import type { Reports } from '../stores/mongo/reports';
import type { Clock } from './clock';

/** What a maintenance run answers; what it found and did is in the report. */
export interface MaintenanceReportSummary {
  readonly reportId: string;
  readonly findings: number;
  readonly summary: string;
}

/** Findings that one report names; the rest would be the same again. */
export const findingsReportedMax = 100;

/** Leaves a run's report, and answers its summary. */
export async function reportOf(
  { reports, clock }: { readonly reports: Pick<Reports, 'insert'>; readonly clock: Clock },
  run: { readonly kind: string; readonly findings: number; readonly summary: string; readonly report: Readonly<Record<string, unknown>> },
): Promise<MaintenanceReportSummary> {
  const { kind, findings, summary, report } = run;
  const reportId = clock.mintId('report');
  await reports.insert({ _id: reportId, kind, time: new Date(clock.nowMs()).toISOString(), ...report });
  return { reportId, findings, summary };
}
