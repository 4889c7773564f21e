import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  currentUpdateInfo,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityOptions, LocalActivityOptions } from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities';
import type { Answer, LifecycleStep, ObjectReference } from '../domain/answer';
import { nudgesPerRunMax } from '../domain/limits';
import { nudgeSignal, retryUpdate, searchAttributes } from './messages';

type Run = Extract<Answer['next'], { kind: 'run' }>;

/** The fast path: runs inside the workflow task. What the stores refuse for now is tried again until they are back. */
const localOptions: LocalActivityOptions = {
  startToCloseTimeout: '15s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '10s' },
  localRetryThreshold: '5s',
};

/** The slow path: seen, paused, reset and retried by operators. */
const visibleOptions: ActivityOptions = {
  startToCloseTimeout: '30m',
  heartbeatTimeout: '20s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
  // A step that is overtaken by another one is not waited for: its commit would be refused anyway.
  cancellationType: 'TRY_CANCEL',
};

const local = proxyLocalActivities<LifecycleActivities>(localOptions);
const visible = proxyActivities<LifecycleActivities>(visibleOptions);

/**
 * One run of one object's lifecycle: it does what activities answer, and decides nothing. Everything that matters is
 * in etcd, so a run may be terminated at any wait and nudged anew.
 */
export async function followLifecycle(object: ObjectReference, firstStep?: LifecycleStep): Promise<void> {
  let nudges = 0;
  let published: Published | undefined;
  setHandler(nudgeSignal, () => void (nudges += 1));
  setHandler(retryUpdate, async () => {
    const accepted = await requestRetry(object);
    // The commit was made in here, so nobody else nudges for it.
    nudges += 1;
    return accepted;
  });

  let seen = nudges;
  // Whoever starts a run may say what seems to be due; a step that is not due answers as a look does.
  let answer = firstStep === undefined ? await look(object) : await runLocally({ kind: 'run', step: firstStep, attempt: 1 });
  for (;;) {
    switch (answer.next.kind) {
      case 'run':
        published = publish(answer, published);
        answer = answer.visible ? await runVisibly(answer.next) : await runLocally(answer.next);
        break;
      case 'wait':
        published = publish(answer, published, 'with search attributes');
        await waitForNudge(answer.next.untilMs);
        if (nudges >= nudgesPerRunMax || workflowInfo().continueAsNewSuggested) {
          await condition(allHandlersFinished);
          // The new run looks first of all, so no nudge that this one heard is lost.
          await continueAsNew<(id: string) => Promise<void>>(object.id);
        }
        seen = nudges;
        answer = await look(object);
        break;
      case 'close':
        published = publish(answer, published, 'with search attributes');
        await condition(allHandlersFinished);
        if (nudges === seen) return;
        seen = nudges;
        answer = await look(object);
    }
  }

  async function waitForNudge(untilMs: number | undefined): Promise<void> {
    const nudged = () => nudges !== seen;
    if (untilMs === undefined) return condition(nudged);
    await condition(nudged, Math.max(1, untilMs - Date.now()), { summary: 'until the next date in status' });
  }

  async function runLocally(next: Run): Promise<Answer> {
    return local[next.step].executeWithOptions({ ...localOptions, summary: summaryOf(next) }, [object]);
  }

  /** While the effect is in flight nudges are heard: if they ask for another step, this one is left. */
  async function runVisibly(next: Run): Promise<Answer> {
    const effect = new CancellationScope();
    const options = { ...visibleOptions, summary: summaryOf(next) };
    const running = effect.run(() => visible[next.step].executeWithOptions(options, [object]));
    let heard = seen;
    for (;;) {
      const outcome = await Promise.race([running, condition(() => nudges !== heard)]);
      // What was heard meanwhile stays unseen: the step may have decided before the change that a nudge was about.
      if (outcome) return outcome;
      heard = nudges;
      const fresh = await look(object);
      if (fresh.next.kind === 'run' && fresh.next.step === next.step) continue;
      // However the step ends now, nobody asks.
      effect.cancel();
      seen = heard;
      return fresh;
    }
  }
}

function look(object: ObjectReference): Promise<Answer> {
  return local.look(object);
}

/** Errors cross the boundary as ApplicationFailure, or the update would fail the workflow task instead. */
async function requestRetry(object: ObjectReference): Promise<string> {
  const updateId = currentUpdateInfo()?.id ?? 'unknown';
  const admitted = await local.requestRetry(object, updateId);
  if (admitted.refused) throw ApplicationFailure.nonRetryable(admitted.message, admitted.code);
  return admitted.message;
}

function summaryOf(next: Run): string {
  return `${next.step}, attempt ${next.attempt}`;
}

interface Published {
  readonly sentence: string;
  readonly attributes: string;
}

/** Shows people where the lifecycle is; search attributes cost a workflow task's event and move only when they differ. */
function publish(answer: Answer, before: Published | undefined, attributesToo?: 'with search attributes'): Published {
  if (answer.sentence !== before?.sentence) setCurrentDetails(answer.sentence);
  const attributes = JSON.stringify([answer.phase, answer.workerId, answer.stuck]);
  const differs = (attributesToo !== undefined || answer.visible) && attributes !== (before?.attributes ?? startedWith());
  if (differs) {
    upsertSearchAttributes([
      { key: searchAttributes.phase, value: answer.phase },
      { key: searchAttributes.worker, value: answer.workerId ?? null },
      { key: searchAttributes.stuck, value: answer.stuck },
    ]);
  }
  return { sentence: answer.sentence, attributes: differs ? attributes : (before?.attributes ?? startedWith()) };
}

/** The attributes that the run was started with, or carries on from the run before it. */
function startedWith(): string {
  const { typedSearchAttributes } = workflowInfo();
  return JSON.stringify([
    typedSearchAttributes.get(searchAttributes.phase),
    typedSearchAttributes.get(searchAttributes.worker),
    typedSearchAttributes.get(searchAttributes.stuck) ?? false,
  ]);
}
