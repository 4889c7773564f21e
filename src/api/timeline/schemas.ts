import { z } from 'zod';
import { historyPage } from '../history/schemas';
import type { DeepReadonly } from '../http/views';

const run = z.object({ workflowId: z.string(), runId: z.string(), status: z.string(), nudges: z.int() });

const attempt = z
  .object({
    activity: z.string().meta({ description: "A lifecycle's step, or `look`." }),
    summary: z.string().optional().meta({ description: "What was attempted, as the engine's UI shows it." }),
    attempt: z.int().meta({ description: "The engine's own count of tries; those before it failed." }),
    visible: z.boolean().meta({ description: 'Whether operators saw it as an activity of its own.' }),
    outcome: z.enum(['pending', 'completed', 'failed', 'timed out', 'cancelled']),
    scheduledAt: z.string(),
    endedAt: z.string().optional(),
    process: z.string().optional().meta({ description: 'The control process that ran it.' }),
    error: z.string().optional().meta({ description: 'Why it failed, with its causes.' }),
    formerError: z.string().optional().meta({ description: 'Why the try before it failed.' }),
  })
  .meta({ id: 'ActivityAttempt' });

const item = z
  .discriminatedUnion('what', [
    z.object({ time: z.string(), what: z.literal('change'), change: historyPage.shape.items.element }),
    z.object({ time: z.string(), what: z.enum(['run started', 'run closed']), run }),
    z.object({ time: z.string(), what: z.literal('attempt'), runId: z.string(), attempt }),
  ])
  .meta({ id: 'TimelineItem' });

export const timelinePage = z
  .object({
    items: z.array(item),
    nextAfterSequence: z.int().optional().meta({ description: 'Asks for the next page; absent when there was nothing more.' }),
    engineAnswered: z.boolean().meta({ description: 'False when the engine could not be asked: runs that were not copied yet are missing.' }),
    revision: z.string(),
  })
  .meta({ id: 'TimelinePage' });
export type TimelinePage = DeepReadonly<z.output<typeof timelinePage>>;
