import type { EtcdClient, KeyedEntry } from './client';
import type { CommitEpoch, CommitOutcome, Decision, SharedValues } from './commit';
import { settle, transact, verdict } from './commit';
import { CommitUncertainError, EtcdUnavailableError } from './errors';
import { isDefiniteRefusal, isEtcdFailure } from './failures';
import { applyShared, sharedKeys, withAllShared, withFound } from './folding';

/** How often a decision is sent anew because only shared keys moved, or because an answer was lost. */
export const sendAttemptsMax = 20;

/**
 * Sends one decision until it is decided. Only shared keys are read afresh on the way: a change of a key
 * that the decision was made on ends it, since re-reading it would decide something else.
 */
export async function sendAlone(
  client: EtcdClient,
  epoch: CommitEpoch,
  decision: Decision,
  lastSeenBefore: SharedValues,
  freshness: 'cached' | 'fresh',
): Promise<{ outcome: CommitOutcome; lastSeen: SharedValues }> {
  let lastSeen = freshness === 'fresh' ? new Map<string, KeyedEntry | undefined>() : lastSeenBefore;
  let lostAnswer: Error | undefined;
  for (let attempt = 1; attempt <= sendAttemptsMax; attempt++) {
    const cached = [...sharedKeys([decision])].some((key) => lastSeen.has(key));
    lastSeen = await withAllShared(client, [decision], lastSeen);
    const applied = applyShared(decision, lastSeen, new Map());
    if ('refused' in applied) {
      // A refusal computed on values seen earlier is checked at a newer revision before anybody hears it.
      if (cached) {
        lastSeen = new Map();
        continue;
      }
      // What an earlier try of the same decision has released cannot be released again: that is no refusal.
      const settled = await settle(client, decision, undefined);
      return { outcome: settled === 'send again' ? { kind: 'refused', refusal: applied.refused } : settled, lastSeen };
    }
    try {
      const outcome = await transact(client, epoch, [decision], lastSeen, applied.values);
      if (outcome.kind === 'done') {
        return { outcome: { kind: 'done', revision: outcome.revision, repeated: false }, lastSeen: new Map([...lastSeen, ...outcome.shared]) };
      }
      const decided = verdict(decision, outcome.found);
      if (decided.kind !== 'shared-changed') return { outcome: decided, lastSeen: new Map() };
      lastSeen = withFound(lastSeen, [decision], outcome.found);
    } catch (error) {
      // What was sent before may yet happen, though this time it was not even sent.
      if (error instanceof EtcdUnavailableError && lostAnswer !== undefined) throw new CommitUncertainError(decision.id, error);
      if (!isLostAnswer(error)) throw error;
      lostAnswer = error;
      const settled = await settle(client, decision, error);
      if (settled !== 'send again') return { outcome: settled, lastSeen: new Map() };
      lastSeen = new Map();
    }
  }
  if (lostAnswer !== undefined) throw lostAnswer;
  return { outcome: { kind: 'changed', keys: [...sharedKeys([decision])] }, lastSeen: new Map() };
}

/** Errors of our own code are no lost answers, nor is what etcd refuses to do; whatever else gRPC throws may be one. */
function isLostAnswer(error: unknown): error is Error {
  return isEtcdFailure(error) && !isDefiniteRefusal(error);
}
