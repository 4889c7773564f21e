import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { LifecycleKind } from '../../../src/domain/answer';
import { lifecycleId, Nudges } from '../../../src/engine/nudges';
import { nudgeSignal } from '../../../src/workflows/messages';
import { freshTaskQueue } from '../../support/servers';
import { bundleOfSources } from './bundle';
import { until } from './until';
import { scriptedActivities, ScriptedLife } from './scripted-life';

/** The start-to-close timeout of local activities, and a moment. */
const localTimeoutMs = 16_000;

export interface EngineConnections {
  readonly client: Client;
  readonly nativeConnection: NativeConnection;
}

/** A real engine with the workflows of the sources, and activities that do what a test has written. */
export class ScriptedEngine {
  private readonly lives = new Map<string, ScriptedLife>();
  private readonly problems: unknown[] = [];
  private readonly nudges: Nudges;
  private worker: { readonly worker: Worker; readonly ended: Promise<void> } | undefined;

  private constructor(
    private readonly connections: EngineConnections,
    private readonly bundle: WorkflowBundleWithSourceMap,
    private readonly taskQueue: string,
  ) {
    this.nudges = new Nudges({
      engine: connections,
      taskQueue,
      startOf: async ({ id }) => {
        const attributes = this.lives.get(id)?.attributes;
        return attributes && { attributes };
      },
      onProblem: (_problem, cause) => this.problems.push(cause),
    });
  }

  /** Starts it with a worker. Once per test file, because the engine's runtime is one per process. */
  static async start(connections: EngineConnections): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(connections, await bundleOfSources(), freshTaskQueue());
    await engine.startWorker();
    return engine;
  }

  async startWorker(): Promise<void> {
    const worker = await Worker.create({
      connection: this.connections.nativeConnection,
      taskQueue: this.taskQueue,
      workflowBundle: this.bundle,
      activities: scriptedActivities(this.lives),
      // Cancellation is heard with a heartbeat, and the tests do not want to wait for a throttled one.
      maxHeartbeatThrottleInterval: '100ms',
    });
    this.worker = { worker, ended: worker.run() };
  }

  /** From here on lifecycles stand still, and what they are told gathers. */
  async stopWorker(): Promise<void> {
    await this.forgottenTimers();
    this.worker?.worker.shutdown();
    // No worker ends before its activities have, and a test that fails may leave one that waits for ever.
    for (const life of this.lives.values()) life.interrupt();
    await this.worker?.ended;
    this.worker = undefined;
  }

  life(kind: LifecycleKind = 'Instance'): ScriptedLife {
    const life = new ScriptedLife(kind);
    this.lives.set(life.id, life);
    return life;
  }

  /** Nudges as the product does, which starts a lifecycle that does not run; resolves when the server has it. */
  async nudge(life: ScriptedLife): Promise<void> {
    this.nudges.nudge(life.kind, life.id);
    await this.nudges.settled();
    if (this.problems.length > 0) throw new AggregateError(this.problems.splice(0), `${life.id} could not be nudged`);
  }

  /** Nudges a lifecycle that runs so many times, none of them merged. */
  async nudgeOften(life: ScriptedLife, times: number): Promise<void> {
    const handle = this.handle(life);
    const inFlight = 50;
    for (let sent = 0; sent < times; sent += inFlight) {
      await Promise.all(Array.from({ length: Math.min(inFlight, times - sent) }, () => handle.signal(nudgeSignal)));
    }
  }

  handle(life: ScriptedLife, runId?: string): WorkflowHandle {
    return this.connections.client.workflow.getHandle(lifecycleId(life), runId);
  }

  async history(life: ScriptedLife, runId?: string): Promise<NonNullable<History['events']>> {
    return (await this.handle(life, runId).fetchHistory()).events ?? [];
  }

  /** Resolves when the server has the end of every visible activity that was begun. */
  async untilNoActivityIsPending(life: ScriptedLife): Promise<void> {
    await until('the visible activities to have ended', async () => {
      const { raw } = await this.handle(life).describe();
      return (raw.pendingActivities ?? []).length === 0;
    });
  }

  /** The run that has followed the given one. */
  async untilRunIsNot(life: ScriptedLife, runId: string): Promise<{ readonly runId: string }> {
    return until('the next run', async () => {
      const described = await this.handle(life).describe();
      return described.runId !== runId && described;
    });
  }

  /** Each life's last run replays to what it was: no test passes by luck of what was still in memory. */
  async replayAll(): Promise<void> {
    const histories = [];
    for (const life of this.lives.values()) histories.push({ workflowId: lifecycleId(life), history: await this.handle(life).fetchHistory() });
    for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: this.bundle }, histories)) {
      if (error) throw new Error(`${workflowId} does not replay`, { cause: error });
    }
  }

  /**
   * The SDK forgets to take back the timeout of a local activity that it tries again, and the timer panics, loudly but
   * to no harm, when it finds its worker gone. So the worker stays until the last one is over.
   */
  private async forgottenTimers(): Promise<void> {
    const retriedAtMs = Math.max(0, ...[...this.lives.values()].map((life) => life.retriedLocallyAtMs));
    await sleep(Math.max(0, retriedAtMs + localTimeoutMs - Date.now()));
  }

  async close(): Promise<void> {
    await this.stopWorker();
  }
}
