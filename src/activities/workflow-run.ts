import { asyncLocalStorage } from '@temporalio/activity';

/** Run id of the workflow that the present activity belongs to, for the record; undefined outside of activities. */
export function presentWorkflowRun(): string | undefined {
  return asyncLocalStorage.getStore()?.info.workflowExecution?.runId;
}
