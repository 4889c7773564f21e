import { openEngine } from '../../engine/connection';
import { lifecycleId } from '../../engine/nudges';

/** One thing that a lifecycle did, as its workflow history tells it. */
export interface HistoryLine {
  readonly time: Date;
  readonly text: string;
}

/** What a lifecycle's workflow did, step by step: the activities that it ran and what they answered. */
export async function readHistory(temporalAddress: string, instanceId: string): Promise<readonly HistoryLine[]> {
  const { client, connection } = openEngine({ address: temporalAddress, namespace: 'default', taskQueue: 'berth' });
  try {
    const history = await client.workflow.getHandle(lifecycleId({ kind: 'Instance', id: instanceId })).fetchHistory();
    return (history.events ?? []).flatMap((event) => {
      const time = new Date(Number(event.eventTime?.seconds ?? 0) * 1000 + Math.floor((event.eventTime?.nanos ?? 0) / 1e6));
      const text = describe(event);
      return text === undefined ? [] : [{ time, text }];
    });
  } finally {
    await connection.close();
  }
}

type HistoryEvent = NonNullable<Awaited<ReturnType<ReturnType<ReturnType<typeof openEngine>['client']['workflow']['getHandle']>['fetchHistory']>>['events']>[number];

function describe(event: HistoryEvent): string | undefined {
  if (event.workflowExecutionStartedEventAttributes) return 'lifecycle started';
  if (event.workflowExecutionSignaledEventAttributes) return 'nudged';
  if (event.workflowExecutionCompletedEventAttributes) return 'lifecycle completed';
  if (event.activityTaskScheduledEventAttributes) return `${event.activityTaskScheduledEventAttributes.activityType?.name} scheduled as a visible activity`;
  if (event.activityTaskCompletedEventAttributes) return `answered ${answerOf(event.activityTaskCompletedEventAttributes.result?.payloads?.[0]?.data)}`;
  const details = event.markerRecordedEventAttributes?.details;
  if (!details) return undefined;
  const data = parse(details['data']?.payloads?.[0]?.data) as { activity_type?: string } | undefined;
  return `${data?.activity_type ?? 'local activity'} answered ${answerOf(details['result']?.payloads?.[0]?.data)}`;
}

function answerOf(data: Uint8Array | null | undefined): string {
  const answer = parse(data) as { next?: { kind?: string; step?: string }; transition?: string; revision?: number } | undefined;
  if (!answer?.next) return 'nothing';
  const next = answer.next.kind === 'run' ? `run ${answer.next.step}` : answer.next.kind;
  return `${answer.transition ? `${answer.transition}, ` : ''}next: ${next} (revision ${answer.revision})`;
}

function parse(data: Uint8Array | null | undefined): unknown {
  return data ? (JSON.parse(Buffer.from(data).toString()) as unknown) : undefined;
}
