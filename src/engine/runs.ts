import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { ObjectReference } from '../domain/answer';
import { workflowRunsReadMax } from '../domain/limits';
import type { ClosedRun, WorkflowRun } from '../domain/workflow-run';
import { lifecycleTypes } from '../workflows/messages';
import type { EngineCalls } from './connection';
import { withinBound } from './connection';
import { isNotFound } from './errors';
import { lifecycleId } from './nudges';
import { readRunHistory, textOf } from './run-history';

/** Runs of lifecycles, as far as the engine still has them. */
export class EngineRuns {
  constructor(private readonly engine: EngineCalls) {}

  /** The latest ones of one object, newest first. */
  async ofObject(object: ObjectReference): Promise<WorkflowRun[]> {
    const runs: WorkflowRun[] = [];
    for await (const execution of this.list(`WorkflowId = "${lifecycleId(object)}"`)) {
      const run = await this.read(execution);
      if (run) runs.push(run);
      if (runs.length >= workflowRunsReadMax) break;
    }
    return runs;
  }

  /** Those of any lifecycle that closed at a time or after it and that `isKnown` does not know, each read when it is asked for. */
  async *closedSince(sinceMs: number, isKnown: (runId: string) => Promise<boolean>): AsyncGenerator<ClosedRun> {
    const types = Object.values(lifecycleTypes).map((type) => `"${type}"`).join(', ');
    const query = `WorkflowType IN (${types}) AND ExecutionStatus != "Running" AND CloseTime >= "${new Date(sinceMs).toISOString()}"`;
    for await (const execution of this.list(query)) {
      const run = (await isKnown(execution.runId)) ? undefined : await this.read(execution);
      if (run?.closedAt !== undefined) yield { ...run, closedAt: run.closedAt };
    }
  }

  /** Each step of it in bounded time, since one may ask for the next page. */
  private async *list(query: string): AsyncGenerator<WorkflowExecutionInfo> {
    const found = this.engine.client.workflow.list({ query })[Symbol.asyncIterator]();
    for (;;) {
      const step = await withinBound(this.engine, 'list runs', () => found.next());
      if (step.done === true) return;
      yield step.value;
    }
  }

  /** Undefined when the engine has dropped it meanwhile. */
  private async read({ workflowId, runId, status, startTime, closeTime }: WorkflowExecutionInfo): Promise<WorkflowRun | undefined> {
    try {
      const handle = this.engine.client.workflow.getHandle(workflowId, runId);
      const { events } = await withinBound(this.engine, 'read history', () => handle.fetchHistory());
      const told = readRunHistory(events ?? []);
      const run: WorkflowRun = { workflowId, runId, status: status.name, startedAt: startTime.toISOString(), ...(closeTime && { closedAt: closeTime.toISOString() }), ...told };
      return closeTime ? run : await this.withPending(run);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** What is tried again and again has its tries in no history until it ends. */
  private async withPending(run: WorkflowRun): Promise<WorkflowRun> {
    const { raw } = await withinBound(this.engine, 'describe lifecycle', () => this.engine.client.workflow.getHandle(run.workflowId, run.runId).describe());
    const pending = new Map((raw.pendingActivities ?? []).map((activity) => [activity.activityType?.name, activity]));
    const attempts = run.attempts.map((attempt) => {
      const now = attempt.outcome === 'pending' ? pending.get(attempt.activity) : undefined;
      if (!now) return attempt;
      const worker = now.lastWorkerIdentity;
      return { ...attempt, attempt: now.attempt ?? attempt.attempt, ...(worker && { process: worker }), ...(now.lastFailure && { formerError: textOf(now.lastFailure) }) };
    });
    return { ...run, attempts };
  }
}
