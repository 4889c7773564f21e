import { WorkflowNotFoundError } from '@temporalio/client';

/** Whether the engine says that a workflow is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}
