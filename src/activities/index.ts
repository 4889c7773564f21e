import { activityInfo, Context } from '@temporalio/activity';
import { failpoint } from '../failpoints';
import type { Answer, LifecycleStep, ObjectReference } from '../domain/answer';
import { redact, redactError } from '../domain/redaction';
import { instanceSteps } from '../domain/instance-steps';
import { workerSteps } from '../domain/worker-steps';
import type { InstanceLifecycle } from './instance-lifecycle';
import type { BodySweep } from './body-sweep';
import type { LedgerAudit, LedgerReport } from './ledger-audit';
import type { MaintenanceReportSummary } from './maintenance';
import type { RequestRetry, RetryAnswer } from './request-retry';
import type { Retirement } from './retirement';
import type { RunMirror } from './run-mirror';
import type { SnapshotRetention } from './snapshot-retention';
import type { StepContext } from './step-context';
import { heartbeatIntervalMs } from './step-context';
import type { WorkerLifecycle } from './worker-lifecycle';

/** One activity a step, and `look`; each takes the object it is about and answers what comes next. */
export type LifecycleActivities = Record<LifecycleStep | 'look', (object: ObjectReference) => Promise<Answer>> & {
  /** Commits a retry asked for in the Temporal UI; `updateId` is its idempotency key. */
  requestRetry(object: ObjectReference, updateId: string): Promise<RetryAnswer>;
};

export interface MaintenanceActivities {
  auditLedger(): Promise<LedgerReport>;
  retireObjects(): Promise<MaintenanceReportSummary>;
  sweepBodies(): Promise<MaintenanceReportSummary>;
  deleteOldSnapshots(): Promise<MaintenanceReportSummary>;
  mirrorRuns(): Promise<MaintenanceReportSummary>;
}

export interface ActivityDependencies {
  readonly instances: InstanceLifecycle;
  readonly workers: WorkerLifecycle;
  readonly requestRetry: RequestRetry;
  readonly ledgerAudit: LedgerAudit;
  readonly retirement: Retirement;
  readonly bodySweep: BodySweep;
  readonly snapshotRetention: SnapshotRetention;
  readonly runMirror: RunMirror;
}

/**
 * The activities as the Temporal worker registers them. Their names are those of the steps, derived from the step
 * tables, so that a new row is an activity without anybody remembering to register it.
 */
export function createActivities(dependencies: ActivityDependencies): LifecycleActivities & MaintenanceActivities {
  const { instances, workers, requestRetry, ledgerAudit, retirement, bodySweep, snapshotRetention, runMirror } = dependencies;
  const steps = new Set([...Object.keys(instanceSteps), ...Object.keys(workerSteps)] as LifecycleStep[]);
  const run = (step: LifecycleStep) => async (object: ObjectReference) => {
    const lifecycle = object.kind === 'Instance' ? instances : workers;
    await failpoint('before-step', `${object.kind === 'Instance' ? 'instances' : 'workers'}/${object.id}/${step}`);
    return withHeartbeats((context) => lifecycle.run(step, object.id, context));
  };
  return withoutCredentials({
    ...(Object.fromEntries([...steps].map((step) => [step, run(step)])) as Record<LifecycleStep, ReturnType<typeof run>>),
    look: (object) => (object.kind === 'Instance' ? instances : workers).look(object.id),
    requestRetry: (object, updateId) => requestRetry.request(object, updateId),
    auditLedger: () => ledgerAudit.run(),
    retireObjects: () => retirement.run(endOfActivity()),
    sweepBodies: () => bodySweep.run(endOfActivity()),
    deleteOldSnapshots: () => snapshotRetention.run(endOfActivity()),
    mirrorRuns: () => runMirror.run(endOfActivity()),
  });
}

/** What an activity fails with is kept by the engine, and shown to whoever sees its UI. */
function withoutCredentials<Activities extends object>(activities: Activities): Activities {
  type Act = (...given: unknown[]) => Promise<unknown>;
  const wrapped = Object.entries(activities as Record<string, Act>).map(([name, act]): [string, Act] => [
    name,
    (...given) =>
      act(...given).catch((error: unknown) => {
        throw redactError(error);
      }),
  ]);
  return Object.fromEntries(wrapped) as Activities;
}

/** Aborted when the process is about to end: what maintenance has not done by then is left to its next run. */
function endOfActivity(): AbortSignal {
  return Context.current().cancellationSignal;
}

/** A regular activity heartbeats, so that it hears that it was cancelled, paused, or that its worker is gone. */
async function withHeartbeats(act: (context: StepContext) => Promise<Answer>): Promise<Answer> {
  const context = Context.current();
  const visible = !activityInfo().isLocal;
  if (!visible) return act({ visible, signal: context.cancellationSignal });
  let detail = 'started';
  const timer = setInterval(() => context.heartbeat(detail), heartbeatIntervalMs);
  try {
    context.heartbeat(detail);
    return await act({ visible, signal: context.cancellationSignal, report: (said) => void (detail = redact(said)) });
  } finally {
    clearInterval(timer);
  }
}
