import type { CloudEvent } from '../../domain/events';
import type { ActivityAttempt, WorkflowRun } from '../../domain/workflow-run';

/** One thing that happened to an object, or that somebody tried on its behalf. */
export type TimelineItem =
  | { readonly time: string; readonly what: 'event'; readonly event: CloudEvent }
  | { readonly time: string; readonly what: 'run started' | 'run closed'; readonly run: Pick<WorkflowRun, 'workflowId' | 'runId' | 'status'> & { readonly nudges: number } }
  | { readonly time: string; readonly what: 'attempt'; readonly runId: string; readonly attempt: ActivityAttempt };

/** The part of a timeline that a page of events covers; times are ISO 8601, and undefined is without end. */
export interface Stretch {
  readonly from?: string | undefined;
  readonly before?: string | undefined;
}

/**
 * Events and what the engine did, by time. Clocks of several processes decide the order between the two; the order of
 * the events among themselves is certain.
 */
export function joinTimeline(events: readonly CloudEvent[], runs: readonly WorkflowRun[], stretch: Stretch): TimelineItem[] {
  const items = [...events.map((event): TimelineItem => ({ time: event.time, what: 'event', event })), ...runs.flatMap(itemsOf).filter(({ time }) => isWithin(time, stretch))];
  // A stable sort: events of one time keep the order that they came in.
  return items.sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
}

function itemsOf({ workflowId, runId, status, nudges, startedAt, closedAt, attempts }: WorkflowRun): TimelineItem[] {
  const run = { workflowId, runId, status, nudges };
  return [
    { time: startedAt, what: 'run started', run },
    ...attempts.map((attempt): TimelineItem => ({ time: attempt.scheduledAt, what: 'attempt', runId, attempt })),
    ...(closedAt === undefined ? [] : [{ time: closedAt, what: 'run closed' as const, run }]),
  ];
}

function isWithin(time: string, { from, before }: Stretch): boolean {
  return (from === undefined || time >= from) && (before === undefined || time < before);
}
