import type { temporal } from '@temporalio/proto';
import type { ActivityAttempt, AttemptOutcome, WorkflowRun } from '../domain/workflow-run';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
type Failure = temporal.api.failure.v1.IFailure;
type Timestamp = { readonly seconds?: unknown; readonly nanos?: number | null };

/** What a workflow's history tells of its nudges and of each of its activities, in the order in which they were scheduled. */
export function readRunHistory(events: readonly HistoryEvent[]): Pick<WorkflowRun, 'nudges' | 'attempts'> {
  const byId = new Map(events.map((event) => [String(event.eventId), event]));
  return {
    nudges: events.filter(({ workflowExecutionSignaledEventAttributes: signal }) => signal).length,
    attempts: events.flatMap((event) => {
      if (event.activityTaskScheduledEventAttributes) return [visibleAttempt(event, events)];
      const marker = event.markerRecordedEventAttributes;
      return marker?.markerName === 'core_local_activity' ? [localAttempt(event, byId.get(String(marker.workflowTaskCompletedEventId)))] : [];
    }),
  };
}

/** What the core of the SDK writes into the marker of a local activity. */
interface LocalActivity {
  readonly activity_type: string;
  readonly attempt: number;
  readonly original_schedule_time?: Timestamp;
  readonly complete_time?: Timestamp;
}

function localAttempt(event: HistoryEvent, workflowTask: HistoryEvent | undefined): ActivityAttempt {
  const { details, failure } = event.markerRecordedEventAttributes!;
  const told = (decode(details?.['data']?.payloads?.[0]?.data) ?? {}) as Partial<LocalActivity>;
  return {
    activity: told.activity_type ?? 'unknown',
    ...summaryOf(event),
    attempt: told.attempt ?? 1,
    visible: false,
    outcome: failure ? 'failed' : 'completed',
    scheduledAt: timeOf(told.original_schedule_time ?? event.eventTime),
    endedAt: timeOf(told.complete_time ?? event.eventTime),
    ...processOf(workflowTask?.workflowTaskCompletedEventAttributes?.identity),
    ...(failure && { error: textOf(failure) }),
  };
}

function visibleAttempt(event: HistoryEvent, events: readonly HistoryEvent[]): ActivityAttempt {
  const scheduledEventId = String(event.eventId);
  const started = events.find(({ activityTaskStartedEventAttributes: attributes }) => String(attributes?.scheduledEventId) === scheduledEventId);
  const end = events.map(endOf).find((ended) => ended?.scheduledEventId === scheduledEventId);
  const start = started?.activityTaskStartedEventAttributes;
  return {
    activity: event.activityTaskScheduledEventAttributes?.activityType?.name ?? 'unknown',
    ...summaryOf(event),
    attempt: start?.attempt ?? 1,
    visible: true,
    outcome: end?.outcome ?? 'pending',
    scheduledAt: timeOf(event.eventTime),
    ...(end && { endedAt: end.endedAt }),
    ...processOf(start?.identity),
    ...(end?.failure && { error: textOf(end.failure) }),
    ...(start?.lastFailure && { formerError: textOf(start.lastFailure) }),
  };
}

interface End {
  readonly scheduledEventId: string;
  readonly outcome: AttemptOutcome;
  readonly endedAt: string;
  readonly failure?: Failure | null | undefined;
}

function endOf(event: HistoryEvent): End | undefined {
  const { activityTaskCompletedEventAttributes: completed, activityTaskFailedEventAttributes: failed } = event;
  const { activityTaskTimedOutEventAttributes: timedOut, activityTaskCanceledEventAttributes: cancelled } = event;
  const attributes = completed ?? failed ?? timedOut ?? cancelled;
  if (!attributes) return undefined;
  return {
    scheduledEventId: String(attributes.scheduledEventId),
    outcome: completed ? 'completed' : failed ? 'failed' : timedOut ? 'timed out' : 'cancelled',
    endedAt: timeOf(event.eventTime),
    failure: failed?.failure ?? timedOut?.failure,
  };
}

/** A failure with what caused it, outermost first. */
export function textOf(failure: Failure): string {
  const type = failure.applicationFailureInfo?.type;
  const own = type && type !== 'Error' ? `${type}: ${failure.message}` : (failure.message ?? 'unknown');
  return failure.cause ? `${own} ← ${textOf(failure.cause)}` : own;
}

/** ISO 8601 of a time on the engine's wire. */
export function timeOf(time: Timestamp | null | undefined): string {
  return new Date(Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();
}

function summaryOf(event: HistoryEvent): { summary?: string } {
  const summary = decode(event.userMetadata?.summary?.data);
  return typeof summary === 'string' ? { summary } : {};
}

function processOf(identity: string | null | undefined): { process?: string } {
  return identity ? { process: identity } : {};
}

/** Undefined for what is no JSON: one history that another hand wrote into must not keep all others from being read. */
function decode(data: Uint8Array | null | undefined): unknown {
  if (!data || data.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(data).toString()) as unknown;
  } catch {
    return undefined;
  }
}
