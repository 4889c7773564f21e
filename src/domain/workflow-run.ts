/** What became of one try of an activity. */
export type AttemptOutcome = 'pending' | 'completed' | 'failed' | 'timed out' | 'cancelled';

/** One activity of a run as the engine remembers it, at its last try. */
export interface ActivityAttempt {
  /** A lifecycle's step, or `look`. */
  readonly activity: string;
  /** What was attempted, as operators see it in the engine's UI. */
  readonly summary?: string;
  /** The engine's own count of tries; those before it failed. */
  readonly attempt: number;
  /** Done within the workflow task, or visible to operators for as long as it took. */
  readonly visible: boolean;
  readonly outcome: AttemptOutcome;
  /** ISO 8601. */
  readonly scheduledAt: string;
  readonly endedAt?: string;
  /** The control process that ran it. */
  readonly process?: string;
  /** Why this try failed, its causes included. */
  readonly error?: string;
  /** Why the try before this one failed. */
  readonly formerError?: string;
}

/** A run that has ended, so that nothing of it changes any more. */
export type ClosedRun = WorkflowRun & { readonly closedAt: string };

/** One run of a lifecycle: from a start, or from where an earlier run continued as new. */
export interface WorkflowRun {
  readonly workflowId: string;
  readonly runId: string;
  /** As the engine calls it: RUNNING, COMPLETED, FAILED, TERMINATED, CONTINUED_AS_NEW … */
  readonly status: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly closedAt?: string;
  readonly nudges: number;
  readonly attempts: readonly ActivityAttempt[];
}
