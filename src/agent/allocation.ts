import type { Logger } from 'pino';
import { failpoint } from '../failpoints';
import { agentCloseMsMax } from '../domain/limits';
import type { Epochs } from '../domain/epochs';
import { firstEpochs } from '../domain/epochs';
import type { PlannedEntry } from '../domain/plan';
import { floorAfter } from '../domain/plan-floor';
import { isNewEpoch } from '../domain/plan-merge';
import { loggedCause } from '../domain/trace-context';
import type { Workload } from '../domain/workload';
import { instanceDirectory } from '../drivers/runtimes/host-directory';
import { RuntimeFailure } from '../drivers/runtimes/runtime';
import type { AgentStore, AllocationRecord, Outcome } from './agent-store';
import { Attempt, type AttemptHost } from './attempt';
import { Backoff, sleep } from './cancellation';
import { removeInstanceFiles } from './instance-files';
import type { ReportedObservation } from './observations';
import { observedFailure } from './observed-failure';
import type { Ownership } from './ownership';
import type { Workloads } from './workloads';

/** What the allocations of an agent share. */
export interface AllocationHost extends AttemptHost {
  readonly store: AgentStore;
  readonly workloads: Workloads;
  readonly ownership: Ownership;
  readonly logger: Logger;
  /** A start that is done sooner is not observed as `starting`. */
  readonly startingObservedAfterMs: number;
  report(observation: ReportedObservation): void;
  /** Nothing is left of an allocation that the plan has no more, and it needs these workload documents no more. */
  forget(allocation: Allocation, workloadHashes: readonly string[]): Promise<void>;
}

/**
 * One allocation of this host, and the only code that acts on it. It is level-triggered: whatever happens (a newer
 * entry, the end of a component, a failed try), it compares what is wanted with what is, and does one thing after
 * the other until they agree. A newer entry interrupts a start, and nothing else.
 */
export class Allocation {
  private wanted: PlannedEntry | undefined;
  /** The newest entry that was ever heard, also when the plan has none any more. */
  private heard: PlannedEntry | undefined;
  /** Of the store, as they were told with it. */
  private epochs: Epochs = firstEpochs;
  /** As on disk, or as it would be if the disk were not full. */
  private record: AllocationRecord | undefined;
  /** The attempt of which something may run. */
  private attempt: Attempt | undefined;
  /** How that attempt ended or failed: its outcome, as soon as nothing of it runs any more. */
  private ended: Outcome | undefined;
  private starting: { readonly attempt: number; readonly abort: AbortController } | undefined;
  /** The highest attempt that was ever wanted stopped, also if a newer entry came before that was acted on. */
  private stopFloor = -1;
  private isDue = false;
  private working: Promise<void> | undefined;
  private isClosed = false;
  /** Aborted, and replaced, to end a wait for the next try. */
  private wakeUp = new AbortController();
  private lastReport = '';

  constructor(
    private readonly host: AllocationHost,
    readonly id: string,
    readonly instanceId: string,
  ) {}

  /** Hashes of the workload documents that it may still need. */
  get workloadHashes(): readonly string[] {
    const hashes = [this.wanted?.workloadHash, this.record?.entry.workloadHash, this.record?.live?.workloadHash];
    return hashes.filter((hash) => hash !== undefined);
  }

  /** Ports on which, if anyone, its own components listen. */
  get ports(): readonly number[] {
    return this.attempt ? Object.values(this.attempt.workload.ports) : [];
  }

  /** Tells what the plan now says of it: its newest entry, or undefined once it has none. */
  want(entry: PlannedEntry | undefined, epochs: Epochs): void {
    this.wanted = entry;
    this.epochs = epochs;
    if (entry) this.hear(entry);
    const { starting } = this;
    if (starting && (entry?.wanted !== 'running' || entry.attempt !== starting.attempt)) starting.abort.abort();
    this.poke();
  }

  private hear(entry: PlannedEntry): void {
    const { heard } = this;
    // What was told of lost history may have been lost with it.
    if (heard && isNewEpoch(heard, entry)) this.lastReport = '';
    if (heard) this.stopFloor = floorAfter({ entry: heard, floor: this.stopFloor }, entry, this.epochs);
    if (entry.wanted !== 'running') this.stopFloor = Math.max(this.stopFloor, entry.attempt);
    this.heard = entry;
    this.log.info({ wanted: entry.wanted, attempt: entry.attempt, planRevision: entry.revision }, 'the plan says what is wanted');
  }

  /** Lines of it name the request that its newest entry follows from. */
  private get log(): Logger {
    const { id: allocationId, instanceId, heard } = this;
    return this.host.logger.child({ allocationId, instanceId, ...loggedCause(heard ?? {}) });
  }

  /** Takes up what a former agent process has left. Resolves once it is known what runs; the rest follows by itself. */
  async recover(record: AllocationRecord): Promise<void> {
    this.record = record;
    this.wanted = record.entry;
    this.heard = record.entry;
    if (record.outcome?.state !== 'absent') this.host.ownership.claim(this.instanceId, this.id);
    if (record.live) await this.adopt(record.live);
    this.poke();
  }

  /** Stops acting. What runs goes on, and so does a start that is waiting: the next agent takes both up. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.starting?.abort.abort();
    this.wakeUp.abort();
    const timeout = new AbortController();
    await Promise.race([this.working, sleep(agentCloseMsMax, timeout.signal)]);
    timeout.abort();
  }

  /** Stops what runs, when the agent goes and takes its instances with it. Only after `close`; no plan has asked for it. */
  async stopInstance(): Promise<void> {
    await this.attempt?.stop();
  }

  private poke(): void {
    this.isDue = true;
    this.wakeUp.abort();
    this.wakeUp = new AbortController();
    this.working ??= this.work();
  }

  private async work(): Promise<void> {
    const backoff = new Backoff();
    while (this.isDue && !this.isClosed) {
      this.isDue = false;
      try {
        await this.reconcile();
        backoff.reset();
      } catch (error) {
        this.log.error({ err: error }, 'could not act on the plan; trying again');
        if (!this.isDue && !this.isClosed) await sleep(backoff.next(), this.wakeUp.signal);
        this.isDue = true;
      }
    }
    this.working = undefined;
  }

  private async reconcile(): Promise<void> {
    if (!this.wanted) return this.vanish();
    await this.settle(this.wanted);
    // From here to the act nothing waits, so that what is acted on is what is wanted now.
    if (this.isClosed) return;
    const entry = this.wanted;
    if (!entry) return this.vanish();
    this.leaveLostHistory(entry);
    if (entry.wanted !== 'running') return this.halt(entry, entry.wanted);
    if (entry.attempt > this.floor) return this.start(entry);
    if (this.attempt && !this.attempt.isReady) return this.bringUp(this.attempt.number, () => Promise.resolve());
    return this.confirm(entry);
  }

  /** What is on disk may be of attempts that the control plane does not know; it is written anew with what is done next. */
  private leaveLostHistory(entry: PlannedEntry): void {
    const { record, attempt } = this;
    if (record) this.record = { ...record, floor: floorAfter({ ...record, running: attempt?.number }, entry, this.epochs) };
  }

  /** Ends an attempt that has failed or ended by itself, or that was to stop before the plan wanted it running again. */
  private async settle(entry: PlannedEntry): Promise<void> {
    const { attempt } = this;
    if (attempt?.ending) this.ended ??= { ...attempt.ending, attempt: attempt.number, components: attempt.components };
    const isBelowStop = attempt && attempt.number <= this.stopFloor && entry.wanted === 'running';
    if (isBelowStop) this.ended ??= { attempt: attempt.number, state: 'stopped', components: {} };
    if (!this.ended) return;

    await this.stopAttempt();
    const outcome: Outcome = { ...this.ended, components: attempt?.components ?? {} };
    await this.note({ entry: this.record?.entry ?? entry, floor: Math.max(this.floor, outcome.attempt), outcome });
    this.ended = undefined;
  }

  /** Starts an attempt that was never started before, once nothing of an older one runs. */
  private start(entry: PlannedEntry): Promise<void> {
    return this.bringUp(entry.attempt, async (signal) => {
      await this.stopAttempt();
      await this.host.ownership.acquire(this.instanceId, this.id, signal);
      const workload = await this.host.workloads.fetch(entry, signal);
      signal.throwIfAborted();
      const live = { attempt: entry.attempt, workloadHash: entry.workloadHash, isReady: false };
      await this.save({ entry, floor: entry.attempt, live }, { durable: true });
      await failpoint('agent-before-effect', `instances/${this.instanceId}/${entry.attempt}/start`);
      this.attempt = this.attemptOf(entry.attempt, workload);
      await this.attempt.start(signal);
      await failpoint('agent-after-effect', `instances/${this.instanceId}/${entry.attempt}/start`);
    });
  }

  /** Waits for an attempt to be ready; a newer entry may interrupt it, and then decides what becomes of the attempt. */
  private async bringUp(attempt: number, begin: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.starting = { attempt, abort };
    const slow = setTimeout(() => this.report(), this.host.startingObservedAfterMs);
    try {
      await begin(abort.signal);
      await this.attempt?.becomeReady(abort.signal);
      await this.noteReady();
    } catch (error) {
      if (!abort.signal.aborted) this.fail(attempt, error);
    } finally {
      clearTimeout(slow);
      this.starting = undefined;
    }
    if (this.attempt?.isReady && !this.ended) this.report();
  }

  private fail(attempt: number, error: unknown): void {
    this.log.warn({ err: error, attempt }, 'attempt failed');
    this.ended = { attempt, state: 'failed', components: {}, failure: observedFailure(error) };
    this.poke();
  }

  /** Nothing is to be started: what is, is told again for the newer entry. */
  private async confirm(entry: PlannedEntry): Promise<void> {
    const outcome = this.record?.outcome ?? { attempt: entry.attempt, state: 'stopped', components: {} };
    await this.note({ entry, floor: this.floor, ...(this.attempt ? { live: this.record?.live } : { outcome }) });
    this.report();
  }

  /** Stops what runs; the floor is on disk before, so that a crash half-way does not make a start of it. */
  private async halt(entry: PlannedEntry, state: 'stopped' | 'absent'): Promise<void> {
    const { attempt, record } = this;
    const former = record?.outcome;
    const isDone = !attempt && former?.state === state && former.attempt === entry.attempt;
    if (!isDone) await this.note({ entry, floor: this.floor, live: record?.live, outcome: former }, { durable: true });
    await failpoint('agent-before-effect', `instances/${this.instanceId}/${entry.attempt}/${state}`);
    await this.stopAttempt();
    if (state === 'absent') await this.removeFiles();
    await failpoint('agent-after-effect', `instances/${this.instanceId}/${entry.attempt}/${state}`);
    const components = attempt?.components ?? former?.components ?? {};
    await this.note({ entry, floor: this.floor, outcome: { attempt: entry.attempt, state, components } });
    this.report();
  }

  /** The plan has it no more, so nobody is told. */
  private async vanish(): Promise<void> {
    await this.stopAttempt();
    await this.removeFiles();
    await this.host.store.removeRecord(this.id);
    const { workloadHashes } = this;
    this.record = undefined;
    this.ended = undefined;
    if (!this.wanted) await this.host.forget(this, workloadHashes);
  }

  private async adopt(live: NonNullable<AllocationRecord['live']>): Promise<void> {
    const workload = await this.host.workloads.find(live.workloadHash);
    if (!workload) {
      for (const runtime of this.host.runtimes.values()) await runtime.reap(this.instanceId);
      return this.fail(live.attempt, new RuntimeFailure('host', 'ProcessLost', 'its workload document was lost while no agent was running'));
    }
    this.attempt = this.attemptOf(live.attempt, workload);
    const missing = await this.attempt.adopt(live.isReady);
    if (missing.length === 0) return;
    const names = missing.map((name) => `"${name}"`).join(', ');
    this.fail(live.attempt, new RuntimeFailure('transient', 'ProcessLost', `ended while no agent was running: ${names}`));
  }

  private attemptOf(number: number, workload: Workload): Attempt {
    const attempt = new Attempt(this.host, number, workload, this.directory);
    void attempt.firstExit.then(() => this.poke());
    return attempt;
  }

  private async stopAttempt(): Promise<void> {
    await this.attempt?.stop();
    this.attempt = undefined;
  }

  private async removeFiles(): Promise<void> {
    if (!this.host.ownership.owns(this.instanceId, this.id)) return;
    await removeInstanceFiles(this.directory);
    this.host.ownership.release(this.instanceId, this.id);
  }

  private get directory(): string {
    return instanceDirectory(this.host.store.directory, this.instanceId);
  }

  /** No attempt up to this one is started. */
  private get floor(): number {
    return Math.max(this.record?.floor ?? -1, this.stopFloor);
  }

  private async save(record: Omit<AllocationRecord, 'schemaVersion'>, options: { readonly durable: boolean }): Promise<void> {
    const next: AllocationRecord = { schemaVersion: 1, ...record };
    await this.host.store.saveRecord(next, options);
    this.record = next;
  }

  /** Like `save`, but a full disk does not keep what runs from being stopped, nor its end from being told. */
  private async note(record: Omit<AllocationRecord, 'schemaVersion'>, options = { durable: false }): Promise<void> {
    await this.save(record, options).catch((error: unknown) => {
      this.log.error({ err: error }, 'could not write to disk what became of an allocation');
      this.record = { schemaVersion: 1, ...record };
    });
  }

  /** For the next agent process, which does not probe again what was ready. */
  private async noteReady(): Promise<void> {
    const { record } = this;
    const isProbed = this.attempt?.workload.components.some((component) => component.readiness);
    if (isProbed && record?.live) await this.note({ ...record, live: { ...record.live, isReady: true } });
  }

  private report(): void {
    const { wanted, starting, attempt, record } = this;
    if (!wanted) return;
    const components = attempt && (!starting || starting.attempt === attempt.number) ? attempt.components : {};
    const seen = starting
      ? { attempt: starting.attempt, state: 'starting' as const, components }
      : attempt
        ? { attempt: attempt.number, state: 'running' as const, components }
        : record?.outcome;
    if (!seen) return;

    const observation = { ...seen, allocationId: this.id, instanceId: this.instanceId, planRevision: wanted.revision };
    const text = JSON.stringify(observation);
    if (text === this.lastReport) return;
    this.lastReport = text;
    this.log.info({ state: observation.state, attempt: observation.attempt }, 'observed');
    this.host.report({ ...observation, observedAt: new Date().toISOString() });
  }
}
