import type { ObjectReference } from '../domain/answer';
import type { WorkflowRun } from '../domain/workflow-run';
import { lifecycleId } from './nudges';
import type { EngineRuns } from './runs';

export interface RunsOfObject {
  /** Oldest first. */
  readonly runs: readonly WorkflowRun[];
  /** False when the engine could not be asked, so that runs which nobody has copied yet are missing. */
  readonly complete: boolean;
}

/** All runs of an object's lifecycle: those that were copied, and those that the engine still has. */
export class ObjectRuns {
  constructor(
    private readonly engine: Pick<EngineRuns, 'ofObject'>,
    private readonly record: { ofWorkflow(workflowId: string): Promise<WorkflowRun[]> },
    private readonly onProblem: (problem: string, cause: unknown) => void,
  ) {}

  async of(object: ObjectReference): Promise<RunsOfObject> {
    const recorded = await this.record.ofWorkflow(lifecycleId(object));
    const asked = await this.engine.ofObject(object).catch((cause: unknown) => {
      this.onProblem(`the engine was not asked for runs of ${object.id}`, cause);
      return undefined;
    });
    // What was copied has ended and says the same; what is open is known to the engine alone.
    const byId = new Map([...recorded, ...(asked ?? [])].map((run) => [run.runId, run]));
    const runs = [...byId.values()].sort((one, other) => (one.startedAt < other.startedAt ? -1 : 1));
    return { runs, complete: asked !== undefined };
  }
}
