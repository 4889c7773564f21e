import { runMirrorLookbackMs, runMirrorOverlapMs, runsMirroredMax } from '../domain/limits';
import type { WorkflowRun } from '../domain/workflow-run';
import type { Clock } from './clock';

type ClosedRun = WorkflowRun & { readonly closedAt: string };

export interface RunMirrorDependencies {
  /** Runs that the engine still has and that are not known yet. */
  readonly closedSince: (sinceMs: number, isKnown: (runId: string) => Promise<boolean>) => AsyncIterable<ClosedRun>;
  readonly record: {
    has(runId: string): Promise<boolean>;
    insert(runs: readonly ClosedRun[]): Promise<void>;
  };
  readonly clock: Clock;
}

export interface MirrorReport {
  readonly mirrored: number;
  /** There is more than was copied in one go. */
  readonly more: boolean;
}

/** Copies what closed runs tell into the record, since the engine keeps them for a time only. */
export class RunMirror {
  /** Everything that closed before has been copied; of another process one knows nothing and looks far back. */
  private completeUpToMs: number;

  constructor(private readonly dependencies: RunMirrorDependencies) {
    this.completeUpToMs = dependencies.clock.nowMs() - runMirrorLookbackMs;
  }

  async run(): Promise<MirrorReport> {
    const { closedSince, record, clock } = this.dependencies;
    const startedAtMs = clock.nowMs();
    let mirrored = 0;
    for await (const run of closedSince(this.completeUpToMs, (runId) => record.has(runId))) {
      await record.insert([run]);
      mirrored += 1;
      if (mirrored >= runsMirroredMax) return { mirrored, more: true };
    }
    this.completeUpToMs = startedAtMs - runMirrorOverlapMs;
    return { mirrored, more: false };
  }
}
