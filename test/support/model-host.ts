import type { ObservedFailure, Observation, PlanEntry } from '../../src/domain/plan';
import { at } from './domain-objects';

/** What becomes of the next start that the host is asked for. */
export type StartOutcome = 'runs' | 'fails' | 'is misconfigured' | 'exits' | 'hangs';

interface HostRecord {
  /** No attempt up to this one is started. */
  floor: number;
  attempt: number;
  state: Observation['state'];
  failure?: ObservedFailure;
}

/**
 * A host that obeys its plan as an agent does: it starts an attempt once and none below a stop, reports what it sees,
 * and can be slow, broken or out of reach.
 */
export class ModelHost {
  isReachable = true;
  startOutcome: StartOutcome = 'runs';
  /** Attempts that were started, in order. */
  readonly starts: number[] = [];
  private readonly records = new Map<string, HostRecord>();

  /** Whether anything of any allocation is there. */
  get isEmpty(): boolean {
    return this.records.size === 0;
  }

  /** Whether something of an allocation runs, or is being started. */
  isRunning(allocationId: string): boolean {
    const state = this.records.get(allocationId)?.state;
    return state === 'running' || state === 'starting';
  }

  get runsAnything(): boolean {
    return [...this.records.keys()].some((allocationId) => this.isRunning(allocationId));
  }

  /** What runs ends by itself. */
  crash(how: 'failed' | 'exited'): void {
    for (const record of this.records.values()) {
      if (record.state !== 'running') continue;
      record.state = how;
      if (how === 'failed') record.failure = { class: 'transient', reason: 'ExitedEarly', message: 'exit code 1' };
    }
  }

  /** Acts on the plan and answers what it then sees; nothing while it is out of reach. */
  act(plan: ReadonlyMap<string, PlanEntry>): Observation[] {
    if (!this.isReachable) return [];
    for (const allocationId of this.records.keys()) if (!plan.has(allocationId)) this.records.delete(allocationId);
    return [...plan.values()].flatMap((entry) => {
      const record = this.obey(entry);
      this.records.set(entry.allocationId, record);
      return observed(entry, record);
    });
  }

  private obey(entry: PlanEntry): HostRecord {
    const { attempt, wanted } = entry;
    const former = this.records.get(entry.allocationId);
    const floor = Math.max(former?.floor ?? -1, attempt);
    if (wanted !== 'running') return { floor, attempt, state: wanted };
    if (former && attempt <= former.floor) return former.state === 'starting' ? this.started(floor, former.attempt) : former;
    this.starts.push(attempt);
    return this.started(floor, attempt);
  }

  private started(floor: number, attempt: number): HostRecord {
    const failed = { floor, attempt, state: 'failed' as const };
    switch (this.startOutcome) {
      case 'runs':
        return { floor, attempt, state: 'running' };
      case 'exits':
        return { floor, attempt, state: 'exited' };
      case 'hangs':
        return { floor, attempt, state: 'starting' };
      case 'fails':
        return { ...failed, failure: { class: 'transient', reason: 'ReadinessTimeout', message: 'was not ready in time' } };
      case 'is misconfigured':
        return { ...failed, failure: { class: 'configuration', reason: 'CommandNotFound', message: 'there is no such command' } };
    }
  }
}

function observed(entry: PlanEntry, record: HostRecord): Observation {
  const { attempt, state, failure } = record;
  const { allocationId } = entry;
  return { schemaVersion: 1, allocationId, workerId: 'w-1', attempt, planRevision: '1', state, components: {}, ...(failure && { failure }), observedAt: at(0) };
}
