import { randomBytes } from 'node:crypto';
import { activityInfo, Context } from '@temporalio/activity';
import type { TypedSearchAttributes } from '@temporalio/common';
import type { LifecycleActivities } from '../../../src/activities';
import type { RetryAnswer } from '../../../src/activities/request-retry';
import type { Answer, LifecycleKind, ObjectReference } from '../../../src/domain/answer';
import { instanceSteps } from '../../../src/domain/instance-steps';
import { workerSteps } from '../../../src/domain/worker-steps';

type ActivityName = keyof LifecycleActivities;

/** One call of an activity, as the activity saw it. */
export interface Call {
  readonly name: ActivityName;
  /** What it was handed. */
  readonly input: readonly unknown[];
  /** A regular activity, which operators see; else a local one. */
  readonly visible: boolean;
  /** Which try of this call by the engine it is, from 1. */
  readonly tryNumber: number;
  /** Aborted when the lifecycle leaves a visible activity. */
  readonly signal: AbortSignal;
}

const storyTimeoutMs = 20_000;
const heartbeatIntervalMs = 100;

type Reply = Answer | RetryAnswer;

/** What a call comes to: an answer, or something that happens first. */
export type Scripted = Reply | ((call: Call) => Reply | Promise<Reply>);

/** The activities of one object, which answer what the test has written; nothing else decides. */
export class ScriptedLife {
  readonly id: string;
  readonly calls: Call[] = [];
  /** What its runs are started with. */
  attributes: TypedSearchAttributes | undefined;
  /** When the engine last tried a local activity again. */
  retriedLocallyAtMs = 0;
  private readonly scripts = new Map<ActivityName, Scripted[]>();
  private readonly interrupts = new Set<(reason: Error) => void>();
  private readonly waiting: Array<{ readonly wake: () => void; readonly fail: (error: Error) => void }> = [];

  constructor(readonly kind: LifecycleKind) {
    this.id = `${kind.toLowerCase()}-${randomBytes(6).toString('hex')}`;
  }

  /** What the next calls of an activity come to, one after the other; the last one stays. */
  on(name: ActivityName, ...replies: [Scripted, ...Scripted[]]): this {
    this.scripts.set(name, replies);
    return this;
  }

  /** The calls so far in order, e.g. `['look', 'start (visible)']`. */
  get story(): string[] {
    return this.calls.map(({ name, visible }) => (visible ? `${name} (visible)` : name));
  }

  /** Resolves once the story is at least so long, and answers it. */
  async told(calls: number): Promise<string[]> {
    const deadline = setTimeout(() => this.waiting.splice(0).forEach(({ fail }) => fail(this.tooShort(calls))), storyTimeoutMs);
    try {
      while (this.calls.length < calls) await new Promise<void>((wake, fail) => this.waiting.push({ wake, fail }));
      return this.story;
    } finally {
      clearTimeout(deadline);
    }
  }

  async play(name: ActivityName, input: readonly unknown[]): Promise<Reply> {
    const { isLocal, attempt } = activityInfo();
    const context = Context.current();
    const call: Call = { name, input, visible: !isLocal, tryNumber: attempt, signal: context.cancellationSignal };
    const script = this.scripts.get(name);
    const scripted = script && script.length > 1 ? script.shift() : script?.[0];
    this.calls.push(call);
    if (isLocal && attempt > 1) this.retriedLocallyAtMs = Date.now();
    this.waiting.splice(0).forEach(({ wake }) => wake());
    if (scripted === undefined) throw new Error(`the test has not written what ${name} comes to`);
    if (typeof scripted !== 'function') return scripted;
    const heartbeats = isLocal ? undefined : setInterval(() => context.heartbeat(), heartbeatIntervalMs);
    let interrupt: (reason: Error) => void = () => undefined;
    const interrupted = new Promise<never>((_, fail) => this.interrupts.add((interrupt = fail)));
    try {
      return await Promise.race([scripted(call), interrupted]);
    } finally {
      clearInterval(heartbeats);
      this.interrupts.delete(interrupt);
    }
  }

  /** Ends what is going on: the process in which it goes on is about to end. */
  interrupt(): void {
    for (const fail of this.interrupts) fail(new Error('the process ends'));
  }

  private tooShort(calls: number): Error {
    return new Error(`${this.id} came to ${this.calls.length} calls where ${calls} were expected: ${this.story.join(', ')}`);
  }
}

/** Every activity of lifecycles, each handed to the life of the object that it is called for. */
export function scriptedActivities(lives: ReadonlyMap<string, ScriptedLife>): Record<string, (...input: never[]) => Promise<Reply>> {
  const names = new Set<ActivityName>(['look', 'requestRetry', ...keysOf(instanceSteps), ...keysOf(workerSteps)]);
  const play =
    (name: ActivityName) =>
    async (object: ObjectReference, ...rest: unknown[]): Promise<Reply> => {
      const life = lives.get(object.id);
      if (!life) throw new Error(`nobody plays ${object.id}`);
      return life.play(name, [object, ...rest]);
    };
  return Object.fromEntries([...names].map((name) => [name, play(name)]));
}

function keysOf<Steps extends object>(steps: Steps): Array<keyof Steps> {
  return Object.keys(steps) as Array<keyof Steps>;
}

/** Goes on until the lifecycle leaves it; what a start is that takes its time. */
export async function untilLeft({ signal }: Call): Promise<never> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  throw signal.reason as Error;
}

/** A point in a test that something waits for. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}
