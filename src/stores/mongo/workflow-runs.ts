import type { ClosedRun, WorkflowRun } from '../../domain/workflow-run';
import type { MongoConnection } from './connection';
import { insertOnce } from './insert-once';

interface RunDocument {
  readonly _id: string;
  readonly workflowId: string;
  readonly closedAt: string;
  /** JSON: errors hold whatever somebody wrote. */
  readonly run: string;
}

/** Runs of lifecycles that have closed, copied before the engine drops them. */
export class WorkflowRuns {
  constructor(private readonly connection: MongoConnection) {}

  /** Inserting a run again is fine if it is the same; a run without `closedAt` may still change, and is refused by the type. */
  async insert(runs: readonly ClosedRun[]): Promise<void> {
    await insertOnce(this.connection, this.collection(), runs.map((run) => ({ _id: run.runId, workflowId: run.workflowId, closedAt: run.closedAt, run: JSON.stringify(run) })));
  }

  async has(runId: string): Promise<boolean> {
    return (await this.connection.attempt('read workflow_runs', () => this.collection().findOne({ _id: runId }))) !== null;
  }

  /** Those of one lifecycle, in no order. */
  async ofWorkflow(workflowId: string): Promise<WorkflowRun[]> {
    const documents = await this.connection.attempt('read workflow_runs', () => this.collection().find({ workflowId }).toArray());
    return documents.map(({ run }) => JSON.parse(run) as WorkflowRun);
  }

  private collection() {
    return this.connection.collection<RunDocument>('workflow_runs');
  }
}
