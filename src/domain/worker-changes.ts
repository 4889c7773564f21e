import type { Moment } from './instance-changes';
import type { ObservedFailure } from './plan';
import { backoffMs, isExhausted, retryPolicyDefault } from './retry';
import type { Condition, ResourceReference } from './status';
import { cutMessage, isoTime, withCondition } from './status';
import type { WorkerStatus, WorkerView } from './worker';
import { destroyTimeoutMs } from './worker-steps';

/** What a commit of a worker's lifecycle changes. */
export interface WorkerChange {
  readonly status: WorkerStatus;
  /** Opens the ledger: capacity and ports, all free. */
  readonly openLedger?: true;
  /** Takes ledger and observation away. */
  readonly closeLedger?: true;
}

/** Provisioning begins: the external id is claimed, and how to take it back is in status, before the provider is asked. */
export function beginProvision(
  view: WorkerView,
  claim: { readonly externalId: string; readonly agentTokenHash: string },
  moment: Moment,
): WorkerChange {
  const { status, spec } = view;
  const { operation } = status;
  const again = operation?.step === 'provision';
  const attempt = again ? operation.attempt + (operation.state === 'backoff' ? 1 : 0) : 1;
  // A try that is taken up again, because whoever made it died, has no more time than it had: else it would never fail.
  const underWay = again && operation.state === 'acting' ? operation : undefined;
  const changed = next(view, moment, {
    phase: 'PROVISIONING',
    message: `asking provider ${spec.provider} for a host${attempt > 1 ? `, attempt ${attempt}` : ''}`,
    attempt: status.attempt + 1,
    externalId: claim.externalId,
    agentTokenHash: claim.agentTokenHash,
    operation: {
      id: moment.operationId,
      step: 'provision',
      attempt,
      state: 'acting',
      startedAt: underWay?.startedAt ?? isoTime(moment.nowMs),
      deadlineAt: underWay?.deadlineAt ?? isoTime(moment.nowMs + spec.provisionTimeoutMs),
    },
    undo: [{ step: 'provision', undo: 'destroy', attempt: status.attempt + 1 }],
  });
  return { status: ready(changed, moment, 'False', 'Provisioning', changed.message) };
}

/** The host is there and its agent has registered. */
export function provisioned(view: WorkerView, resources: Readonly<Record<string, ResourceReference>>, moment: Moment): WorkerChange {
  const changed = next(view, moment, {
    phase: 'RUNNING',
    message: `running on ${view.observed?.hostname ?? 'its host'}`,
    operation: undefined,
    resources: { ...view.status.resources, ...resources },
  });
  return { openLedger: true, status: ready(changed, moment, 'True', 'AgentRegistered', changed.message) };
}

/** An attempt to provision failed: it backs off, or gives up and destroys what may be there. */
export function provisionFailed(view: WorkerView, failure: ObservedFailure, moment: Moment): WorkerChange {
  const operation = view.status.operation!;
  const { attempt } = operation;
  const lastFailure = { time: isoTime(moment.nowMs), step: 'provision', ...failure, message: cutMessage(failure.message), retryCount: attempt };
  if (isExhausted(retryPolicyDefault, attempt, failure.class)) {
    const message = `giving up, destroying what may be there: ${failure.message}`;
    const deadlineAt = isoTime(moment.nowMs + destroyTimeoutMs);
    const undoing = next(view, moment, { lastFailure, message, operation: { ...operation, state: 'undo', deadlineAt } });
    return { status: ready(undoing, moment, 'False', 'ProvisioningFailed', message) };
  }
  const notBefore = isoTime(moment.nowMs + backoffMs(retryPolicyDefault, attempt));
  const message = `provisioning failed (attempt ${attempt} of ${retryPolicyDefault.attemptsMax}), next try at ${notBefore}: ${failure.message}`;
  const backingOff = next(view, moment, { lastFailure, message, operation: { ...operation, state: 'backoff', notBefore } });
  return { status: ready(backingOff, moment, 'False', 'ProvisioningFailed', failure.message) };
}

/** Nothing new lands on it any more (placement compares the spec); it waits for its last instance. */
export function draining(view: WorkerView, moment: Moment): WorkerChange {
  const message = `waiting for ${view.capacity?.instances ?? 0} instances to be terminated`;
  return { status: next(view, moment, { phase: 'DRAINING', message }) };
}

/** Destroying begins. */
export function beginDestroy(view: WorkerView, moment: Moment): WorkerChange {
  const changed = next(view, moment, {
    // A stopped host has nothing to stop; it stays STOPPED until it is gone.
    phase: view.status.phase === 'STOPPED' ? 'STOPPED' : 'STOPPING',
    message: `asking provider ${view.spec.provider} to take the host away`,
    operation: {
      id: moment.operationId,
      step: 'destroy',
      attempt: 1,
      state: 'acting',
      startedAt: isoTime(moment.nowMs),
      deadlineAt: isoTime(moment.nowMs + destroyTimeoutMs),
    },
  });
  return { status: ready(changed, moment, 'False', 'Terminating', changed.message) };
}

/** An attempt to destroy failed; there is no alternative to trying again. */
export function destroyFailed(view: WorkerView, failure: ObservedFailure, moment: Moment): WorkerChange {
  const operation = view.status.operation!;
  const lastFailure = { time: isoTime(moment.nowMs), step: operation.step, ...failure, message: cutMessage(failure.message), retryCount: operation.attempt };
  const deadlineAt = isoTime(moment.nowMs + destroyTimeoutMs);
  const again = { ...operation, attempt: operation.attempt + 1, deadlineAt };
  // What made provisioning give up stays the reason, however often its undo has to be asked for.
  const recorded = operation.state === 'undo' ? {} : { lastFailure };
  return { status: next(view, moment, { ...recorded, operation: again, message: `destroy: ${failure.message}` }) };
}

/** The provider confirmed that the host is gone. */
export function destroyed(view: WorkerView, moment: Moment): WorkerChange {
  return { closeLedger: true, status: gone(view, moment, 'TERMINATED', 'terminated') };
}

/** What a failed provisioning left is gone. */
export function undone(view: WorkerView, moment: Moment): WorkerChange {
  return { closeLedger: true, status: gone(view, moment, 'FAILED', `provisioning failed: ${view.status.lastFailure?.message ?? ''}`) };
}

/** Ends what was never made. */
export function workerFinished(view: WorkerView, moment: Moment): WorkerChange {
  return { closeLedger: true, status: gone(view, moment, 'TERMINATED', 'terminated') };
}

/** Takes up a retry: a new host is asked for, under a new external id. */
export function workerRetried(view: WorkerView, moment: Moment): WorkerChange {
  return {
    status: next(view, moment, { phase: 'PENDING', message: 'retry: to be provisioned anew', acknowledgedCommand: view.spec.command?.id }),
  };
}

/** Takes note of the spec; nothing is to be done. */
export function workerAcknowledged(view: WorkerView, moment: Moment): WorkerChange {
  return { status: next(view, moment, {}) };
}

function gone(view: WorkerView, moment: Moment, phase: 'TERMINATED' | 'FAILED', message: string): WorkerStatus {
  const changed = next(view, moment, {
    phase,
    message,
    operation: undefined,
    undo: [],
    resources: {},
    externalId: undefined,
    agentTokenHash: undefined,
  });
  return ready(changed, moment, 'False', phase === 'FAILED' ? 'ProvisioningFailed' : 'Terminated', message);
}

function next(view: WorkerView, moment: Moment, changes: Partial<WorkerStatus>): WorkerStatus {
  const merged = { ...view.status, observedGeneration: view.spec.generation, ...changes, lastReconcileTime: isoTime(moment.nowMs) };
  return { ...merged, message: cutMessage(merged.message) };
}

function ready(status: WorkerStatus, moment: Moment, value: Condition['status'], reason: string, message: string): WorkerStatus {
  const condition: Condition = {
    type: 'Ready',
    status: value,
    reason,
    message: cutMessage(message),
    observedGeneration: status.observedGeneration,
    lastTransitionTime: isoTime(moment.nowMs),
  };
  return { ...status, conditions: withCondition(status.conditions, condition) };
}
