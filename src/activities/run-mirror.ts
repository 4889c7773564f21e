import { runMirrorLookbackMs, runMirrorOverlapMs, runsMirroredMax } from '../domain/limits';
import type { ClosedRun } from '../domain/workflow-run';
import type { Reports } from '../stores/mongo/reports';
import type { Clock } from './clock';
import type { MaintenanceReportSummary } from './maintenance';
import { reportOf } from './maintenance';

export interface RunMirrorDependencies {
  /** Runs that the engine still has, but for those that are known. */
  readonly engine: { closedSince(sinceMs: number, isKnown: (runId: string) => Promise<boolean>): AsyncIterable<ClosedRun> };
  readonly record: {
    has(runId: string): Promise<boolean>;
    insert(runs: readonly ClosedRun[]): Promise<void>;
  };
  readonly reports: Pick<Reports, 'insert'>;
  readonly clock: Clock;
}

/** Copies what closed runs of lifecycles tell into the record, since the engine keeps them for a time only. */
export class RunMirror {
  /** Everything that closed before has been copied; a process that has just started knows nothing of that and looks far back. */
  private completeUpToMs: number;

  constructor(private readonly dependencies: RunMirrorDependencies) {
    this.completeUpToMs = dependencies.clock.nowMs() - runMirrorLookbackMs;
  }

  async run(signal: AbortSignal): Promise<MaintenanceReportSummary> {
    const { clock } = this.dependencies;
    const startedAtMs = clock.nowMs();
    const { mirrored, isComplete } = await this.copy(signal);
    if (isComplete) this.completeUpToMs = startedAtMs - runMirrorOverlapMs;
    const summary = `${mirrored} runs copied${isComplete ? '' : ', and there are more'}`;
    return reportOf(this.dependencies, { kind: 'run-mirror', findings: 0, summary, report: { mirrored, isComplete } });
  }

  private async copy(signal: AbortSignal): Promise<{ mirrored: number; isComplete: boolean }> {
    const { engine, record } = this.dependencies;
    let mirrored = 0;
    for await (const run of engine.closedSince(this.completeUpToMs, (runId) => record.has(runId))) {
      if (mirrored >= runsMirroredMax || signal.aborted) return { mirrored, isComplete: false };
      await record.insert([run]);
      mirrored += 1;
    }
    return { mirrored, isComplete: true };
  }
}
