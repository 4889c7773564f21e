import type { LifecycleKind, ObjectReference } from '../domain/answer';
import { nudgeQueueMax, nudgesInFlightMax, workflowTaskTimeoutMs } from '../domain/limits';
import type { EngineCalls } from './connection';
import { withinBound } from './connection';
import type { LifecycleStart } from './lifecycle-start';
import { lifecycleTypes, nudgeSignal } from '../workflows/messages';

/** A lifecycle's workflow id. */
export function lifecycleId(object: ObjectReference): string {
  return `${lifecycleTypes[object.kind]}/${object.id}`;
}

export interface NudgesOptions {
  readonly engine: EngineCalls;
  readonly taskQueue: string;
  /** How a lifecycle is started that the nudge finds not running; undefined for an object that is not known. */
  readonly startOf: (object: ObjectReference) => Promise<LifecycleStart | undefined>;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/**
 * Tells lifecycles to look, starting those that do not run. Nobody waits for a nudge: they leave through a bounded
 * queue, merged by object, and one that is lost or refused is the repairer's to make good. While the engine does not answer
 * they stay in the queue.
 */
export class Nudges {
  private readonly waiting = new Map<string, ObjectReference>();
  private inFlight = 0;
  private idle: Array<() => void> = [];

  constructor(private readonly options: NudgesOptions) {
    options.engine.breaker?.onClosed(() => this.pump());
  }

  /** Asks an object's lifecycle to look. Never fails, never blocks. */
  nudge(kind: LifecycleKind, id: string): void {
    const object = { kind, id };
    const workflowId = lifecycleId(object);
    if (this.waiting.size >= nudgeQueueMax && !this.waiting.has(workflowId)) {
      this.options.onProblem(`the nudge queue is full, ${workflowId} is left to the repairer`, undefined);
      return;
    }
    this.waiting.set(workflowId, object);
    this.pump();
  }

  /** Asks an object's lifecycle to look, at once; false when the engine did not take it. Never fails. */
  deliver(object: ObjectReference): Promise<boolean> {
    return this.send(lifecycleId(object), object);
  }

  /** Resolves when nothing waits and nothing is in flight. What waits for the engine to come back is left to the repairer. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.idle.push(resolve);
      this.settleIfIdle();
    });
  }

  private get isHeld(): boolean {
    return (this.options.engine.breaker?.state ?? 'closed') !== 'closed';
  }

  private pump(): void {
    if (this.isHeld) return;
    for (const [workflowId, object] of this.waiting) {
      if (this.inFlight >= nudgesInFlightMax) return;
      this.waiting.delete(workflowId);
      this.inFlight += 1;
      void this.send(workflowId, object).finally(() => {
        this.inFlight -= 1;
        this.pump();
        this.settleIfIdle();
      });
    }
  }

  private settleIfIdle(): void {
    if (this.idle.length === 0 || this.inFlight > 0) return;
    if (this.isHeld) this.waiting.clear();
    if (this.waiting.size === 0) this.idle.splice(0).forEach((resolve) => resolve());
  }

  private async send(workflowId: string, object: ObjectReference): Promise<boolean> {
    const { engine, taskQueue, startOf, onProblem } = this.options;
    try {
      const start = await startOf(object);
      await withinBound(engine, 'nudge', () =>
        engine.client.workflow.signalWithStart(lifecycleTypes[object.kind], {
          workflowId,
          taskQueue,
          args: start?.firstStep === undefined ? [object.id] : [object.id, start.firstStep],
          signal: nudgeSignal,
          signalArgs: [],
          workflowTaskTimeout: workflowTaskTimeoutMs,
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
          ...(start && { typedSearchAttributes: start.attributes }),
        }),
      );
      return true;
    } catch (cause) {
      onProblem(`nudging ${workflowId} failed, it is left to the repairer`, cause);
      return false;
    }
  }
}
