import type { ActivityAttempt, WorkflowRun } from '../../domain/workflow-run';
import type { HistoryPage } from '../history/schemas';

type Change = HistoryPage['items'][number];
type RunSummary = Pick<WorkflowRun, 'workflowId' | 'runId' | 'status' | 'nudges'>;

/** One thing that happened to an object, or that somebody tried on its behalf. */
export type TimelineItem =
  | { readonly time: string; readonly what: 'change'; readonly change: Change }
  | { readonly time: string; readonly what: 'run started' | 'run closed'; readonly run: RunSummary }
  | { readonly time: string; readonly what: 'attempt'; readonly runId: string; readonly attempt: ActivityAttempt };

/** The part of a timeline that a page of changes covers; times are ISO 8601, and undefined is without end. */
export interface Stretch {
  readonly from?: string | undefined;
  readonly before?: string | undefined;
}

/**
 * Changes and what the engine did, by time. Clocks of several processes decide the order between the two; the order of
 * the changes among themselves is certain.
 */
export function joinTimeline(changes: readonly Change[], runs: readonly WorkflowRun[], stretch: Stretch): TimelineItem[] {
  const ofEngine = runs.flatMap(itemsOf).filter(({ time }) => isWithin(time, stretch)).sort(byTime);
  const items: TimelineItem[] = [];
  for (const change of changes) {
    while (ofEngine[0] && ofEngine[0].time < change.time) items.push(ofEngine.shift()!);
    items.push({ time: change.time, what: 'change', change });
  }
  return [...items, ...ofEngine];
}

function itemsOf({ workflowId, runId, status, nudges, startedAt, closedAt, attempts }: WorkflowRun): TimelineItem[] {
  const run = { workflowId, runId, status, nudges };
  return [
    { time: startedAt, what: 'run started', run },
    ...attempts.map((attempt): TimelineItem => ({ time: attempt.scheduledAt, what: 'attempt', runId, attempt })),
    ...(closedAt === undefined ? [] : [{ time: closedAt, what: 'run closed' as const, run }]),
  ];
}

function byTime(one: TimelineItem, other: TimelineItem): number {
  return one.time < other.time ? -1 : one.time > other.time ? 1 : 0;
}

function isWithin(time: string, { from, before }: Stretch): boolean {
  return (from === undefined || time >= from) && (before === undefined || time < before);
}
