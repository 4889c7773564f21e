import type { InstancePhase } from '../../../../src/domain/phases';
import type { RunHistory } from '../history';

/** A promise that was broken, and where. */
export interface Finding {
  /** Stable, for tests: `port-held-twice`. */
  readonly rule: string;
  readonly object: string;
  readonly revision?: number;
  /** Reads on from the object: `is STOPPED after PENDING`. */
  readonly message: string;
}

/** What should be so at the end, which only the caller knows. */
export interface Expectations {
  /** Everything was given back: no allocation, no plan, no observation, nothing promised. */
  readonly expectEmpty?: boolean;
  /** Besides TERMINATED and FAILED; judged when this is given, or `expectEmpty`. */
  readonly endPhases?: readonly InstancePhase[];
  /** False when the projector had no time to move everything; what was deleted must be recorded all the same. */
  readonly expectDrained?: boolean;
  /** etcd was full for a while: nobody can be elected then, and the outbox is trimmed all the same. */
  readonly storeWasFull?: boolean;
}

export interface Rule {
  /** The promise, as a sentence. */
  readonly promise: string;
  /**
   * How much of the store's history it needs: with a gap, what is judged revision by revision is judged up to the gap,
   * and what needs the whole history is not judged at all.
   */
  readonly needs: 'each revision' | 'whole history' | 'no store';
  find(history: RunHistory, expectations: Expectations): Finding[];
}
