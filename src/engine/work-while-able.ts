import type { Worker } from '@temporalio/worker';
import { ableCheckIntervalMs, ableChecksFailedMax } from '../domain/limits';
import { pause } from '../pause';

/** A worker of the engine, as far as it is looked after here. */
export type LifecycleWorker = Pick<Worker, 'run' | 'shutdown' | 'getState'>;

export interface AbleOptions {
  /** Makes another worker; it is not run yet. */
  readonly create: () => Promise<LifecycleWorker>;
  /** Rejects as long as this process cannot do what lifecycles need of it. */
  readonly check: () => Promise<unknown>;
  readonly onProblem: (problem: string, cause: unknown) => void;
}

/**
 * Runs a worker for as long as this process is able to do its work, and another one when it is able again, until it is
 * to stop. Lifecycles stay with the process that has them in memory: one that has lost the store but not the engine
 * would keep its share, and take new ones, only to fail at each; once it takes none, the others do.
 */
export async function workWhileAble(first: LifecycleWorker, options: AbleOptions, stopping: AbortSignal): Promise<void> {
  let worker: LifecycleWorker | undefined = first;
  while (worker !== undefined) {
    if (await runWhileAble(worker, options, stopping)) return;
    worker = await nextWorker(options, stopping);
  }
}

/** True when the worker has ended, and no other one is to follow. */
async function runWhileAble(worker: LifecycleWorker, { check, onProblem }: AbleOptions, stopping: AbortSignal): Promise<boolean> {
  const over = new AbortController();
  const ended = worker.run().finally(() => over.abort());
  // Whoever awaits it hears of its failure; until then nobody may.
  ended.catch(() => undefined);
  const cause = await untilUnable(check, AbortSignal.any([stopping, over.signal]));
  if (cause !== undefined) onProblem('no lifecycles are taken until the store answers again', cause);
  if (!over.signal.aborted && worker.getState() === 'RUNNING') worker.shutdown();
  await ended;
  return cause === undefined;
}

/** Why the process is unable; undefined when that was not what ended the wait. */
async function untilUnable(check: AbleOptions['check'], ended: AbortSignal): Promise<unknown> {
  let failed = 0;
  while (!ended.aborted) {
    await pause(ableCheckIntervalMs, ended);
    if (ended.aborted) return undefined;
    const cause = await failureOf(check);
    failed = cause === undefined ? 0 : failed + 1;
    if (failed >= ableChecksFailedMax && !ended.aborted) return cause;
  }
}

/** Undefined when it is to stop. */
async function nextWorker({ check, create, onProblem }: AbleOptions, stopping: AbortSignal): Promise<LifecycleWorker | undefined> {
  while (!stopping.aborted) {
    // The engine may be away as well; a process that ends for it would have to be started again by somebody.
    const cause = await failureOf(check);
    if (cause === undefined) {
      try {
        return await create();
      } catch (problem) {
        onProblem('lifecycles cannot be taken yet', problem);
      }
    }
    await pause(ableCheckIntervalMs, stopping);
  }
}

async function failureOf(check: AbleOptions['check']): Promise<unknown> {
  try {
    await check();
  } catch (cause) {
    return cause ?? new Error('unable');
  }
}
