import type { temporal } from '@temporalio/proto';

type Event = temporal.api.history.v1.IHistoryEvent;

/** How often each kind of event is in a history, by the name of its attributes without their ending. */
export function countEvents(events: readonly Event[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const name = kindOf(event);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** E.g. `workflowTaskCompleted`. */
export function kindOf(event: Event): string {
  const attributes = Object.keys(event).find((key) => key.endsWith('EventAttributes') && event[key as keyof Event]);
  return attributes?.replace('EventAttributes', '') ?? 'unknown';
}

/** The sentence that the Temporal UI shows beside an event. */
export function summaryOf(event: Event): string | undefined {
  const data = event.userMetadata?.summary?.data;
  return data ? (JSON.parse(Buffer.from(data).toString()) as string) : undefined;
}
