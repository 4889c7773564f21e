import type { Response } from 'express';
import type { Epochs } from '../../domain/epochs';
import { planFrameCharactersMax, planStreamCommentIntervalMs } from '../../domain/limits';
import type { PlanEntry, PlanFrame, PlannedEntry, PlanPosition } from '../../domain/plan';
import type { Entry } from '../../stores/etcd/client';
import { keys } from '../../stores/etcd/keys';
import type { CachedObjects } from '../../stores/etcd/objects';
import type { Applied, KeyChange, WatchCache } from '../../stores/etcd/watch-cache';

/** One agent's stream. */
export interface PlanStreamOptions {
  readonly cache: WatchCache;
  readonly cached: CachedObjects;
  readonly epochs: Epochs;
  readonly workerId: string;
  /** Whether the agent may still listen: its token may be taken away while the stream is open. */
  readonly isAllowed: () => boolean;
}

/**
 * Streams a worker's plan: the whole of it, then each change in the order of revisions. Snapshot and subscription
 * happen in one turn of the event loop, so that no change can fall between them. The stream ends when nothing can be
 * vouched for any more; the agent then opens another one, and starts with a snapshot.
 */
export function streamPlan(response: Response, options: PlanStreamOptions): void {
  const { cache, cached, epochs, workerId } = options;
  const { epoch } = epochs;
  const send = (frame: PlanFrame) => write(response, `event: ${frame.event}\ndata: ${JSON.stringify(frame.data)}\n\n`);
  response.status(200).set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
  const plan = cached.worker(workerId)?.plan ?? new Map<string, Entry<PlanEntry>>();
  const entries = [...plan.values()].map((entry) => planned(entry, epoch));
  send({ event: 'snapshot', data: { epoch, epochs, revision: String(cache.revision), entries } });
  const unsubscribe = cache.onApplied((applied) => {
    // After a relist it is not known what was missed in between.
    if (applied.relisted || !options.isAllowed()) response.end();
    else for (const frame of framesOf(options, applied)) send(frame);
  });
  const heartbeat = setInterval(() => {
    // Silence tells the agent that this server has lost etcd, and that it should ask another one.
    if (cache.current) write(response, ': alive\n\n');
    else response.end();
  }, planStreamCommentIntervalMs);
  response.once('close', () => {
    unsubscribe();
    clearInterval(heartbeat);
  });
}

/** An agent that does not read what it is sent is cut off before it costs the server its memory. */
function write(response: Response, text: string): void {
  if (response.writableEnded) return;
  response.write(text);
  if (response.writableLength > planFrameCharactersMax) response.destroy();
}

function framesOf({ workerId, epochs: { epoch } }: PlanStreamOptions, { changes, revision }: Applied): PlanFrame[] {
  const prefix = keys.planEntry(workerId, '');
  return changes.filter(({ key }) => key.startsWith(prefix)).map((change) => frameOf(change, change.key.slice(prefix.length), { epoch, revision: String(revision) }));
}

function frameOf({ entry }: KeyChange, allocationId: string, at: PlanPosition & { epoch: number }): PlanFrame {
  if (entry) return { event: 'entry', data: planned(entry as Entry<PlanEntry>, at.epoch) };
  return { event: 'removed', data: { allocationId, ...at } };
}

function planned({ value, revision }: Entry<PlanEntry>, epoch: number): PlannedEntry {
  return { ...value, epoch, revision: String(revision) };
}
