import { WorkflowNotFoundError } from '@temporalio/client';

/** Nobody answers where the Temporal server should be. */
export class EngineUnavailableError extends Error {
  constructor(address: string, cause: unknown) {
    super(`Temporal at ${address} does not answer; is it running, and is BERTH_TEMPORAL_ADDRESS right?`, { cause });
    this.name = 'EngineUnavailableError';
  }
}

/** The Temporal server has no such namespace. */
export class NamespaceMissingError extends Error {
  constructor(namespace: string, cause: unknown) {
    super(`Temporal has no namespace ${namespace}; create it with:\n  temporal operator namespace create --namespace ${namespace}`, { cause });
    this.name = 'NamespaceMissingError';
  }
}

/** Whether the engine says that a workflow is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError;
}

const notFoundCode = 5;

/** What a failed call says about why, as far as we tell cases apart. */
export function grpcStatusOf(error: unknown): 'NOT_FOUND' | 'OTHER' {
  return (error as { code?: unknown } | undefined)?.code === notFoundCode ? 'NOT_FOUND' : 'OTHER';
}
