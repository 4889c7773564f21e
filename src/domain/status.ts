import { statusMessageCharactersMax } from './limits';
import type { FailureClass } from './plan';
import { redact } from './redaction';

/** A typed statement about an object; `lastTransitionTime` moves only when `status` does. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

/** The step in flight, if any: what operators see as currentOperation. */
export interface Operation {
  readonly id: string;
  readonly step: string;
  readonly attempt: number;
  /** `acting`: effect in flight; `backoff`: waiting for `notBefore`; `undo`: giving up, undoing. */
  readonly state: 'acting' | 'backoff' | 'undo';
  readonly startedAt: string;
  /** When this attempt counts as timed out. */
  readonly deadlineAt: string;
  readonly notBefore?: string;
}

/** An effect that may exist and must be taken back before the object may be called free of it. */
export interface UndoEntry {
  readonly step: string;
  readonly undo: string;
  readonly attempt: number;
}

export interface LastFailure {
  readonly time: string;
  readonly step: string;
  readonly class: FailureClass;
  readonly reason: string;
  readonly message: string;
  /** Failed attempts in a row of this step. */
  readonly retryCount: number;
}

/** Why an object stopped against its intent; outranks intent until the spec's generation is higher by start or retry. */
export interface Halted {
  readonly reason: string;
  readonly generation: number;
}

/** Something created outside of Berth's stores, tracked for cleanup. */
export interface ResourceReference {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * Replaces the condition of one type, or adds it. Returns the same list when nothing but the
 * time would change, so that a status that says nothing new is not written.
 */
export function withCondition(conditions: readonly Condition[], next: Condition): readonly Condition[] {
  const former = conditions.find((condition) => condition.type === next.type);
  if (!former) return [...conditions, next];
  const lastTransitionTime = former.status === next.status ? former.lastTransitionTime : next.lastTransitionTime;
  const merged: Condition = { ...next, lastTransitionTime };
  const same =
    former.status === merged.status &&
    former.reason === merged.reason &&
    former.message === merged.message &&
    former.observedGeneration === merged.observedGeneration;
  return same ? conditions : conditions.map((condition) => (condition === former ? merged : condition));
}

/** Texts in status are cut, never refused, so that a lifecycle can always record its end; credentials are taken out of them before. */
export function cutMessage(given: string): string {
  const text = redact(given);
  if (text.length <= statusMessageCharactersMax) return text;
  // Half of a surrogate pair would come back from a store as another character, and the record would seem forged.
  const kept = text.slice(0, statusMessageCharactersMax - 1).replace(/[\uD800-\uDBFF]$/, '');
  return `${kept}…`;
}

/** ISO 8601 of epoch milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
