import type { Allocation } from '../../../../src/domain/instance';
import type { Observation } from '../../../../src/domain/plan';
import type { WorkerSpec, WorkerStatus } from '../../../../src/domain/worker';
import { keys } from '../../../../src/stores/etcd/keys';
import type { LeaderValue } from '../../../../src/stores/etcd/leadership';
import type { RunHistory, StoreRevision } from '../history';
import type { Expectations, Finding, Rule } from './rule';
import { eventsOfRevision, objectOf, parseCommitId, StoreState } from './store-state';

/** What the promise of one transaction looks at: the store just before it, and what it did. */
type FindAt = (revision: StoreRevision, before: StoreState, expectations: Expectations) => Finding[];

/** A rule about single transactions. */
export function ruleAt(promise: string, findAt: FindAt): Rule {
  return {
    promise,
    needs: 'each revision',
    find({ store }: RunHistory, expectations: Expectations): Finding[] {
      const before = new StoreState();
      return store.revisions.flatMap((revision) => {
        const findings = findAt(revision, before, expectations);
        before.apply(revision);
        return findings;
      });
    },
  };
}

/** A commit's id names the revision that it was decided on: then nothing of its object may have moved since. */
export const staleCommits = ruleAt('a commit is made on the spec and status that it was decided on', (revision, before) => {
  const commits = new Set(eventsOfRevision(revision).map(({ commitId }) => commitId));
  return [...commits].flatMap((commitId) => {
    const decision = parseCommitId(commitId);
    if (!decision) return [];
    const { object, decidedAt, what } = decision;
    const present = Math.max(before.get(`${object}/spec`)?.revision ?? 0, before.get(`${object}/state`)?.revision ?? 0);
    if (present === decidedAt) return [];
    return [{ rule: 'stale-commit', object, revision: revision.revision, message: `${what} was decided at revision ${decidedAt}, and came to one that was at ${present}` }];
  });
});

/** Nothing lands on a worker that has been told to go, or that changed since it was chosen. */
export const stalePlacements = ruleAt('nothing is placed on a worker that changed since it was chosen', (revision, before) =>
  eventsOfRevision(revision).flatMap(({ commitId }) => {
    const placed = /^instances\/.*\/schedule\.place\.(.+)\.(\d+)$/.exec(commitId);
    if (!placed) return [];
    const [, workerId = '', chosenAt] = placed;
    const spec = before.get<WorkerSpec>(keys.workerSpec(workerId));
    const phase = before.value<WorkerStatus>(keys.workerStatus(workerId))?.phase;
    const found = (message: string): Finding[] => [{ rule: 'stale-placement', object: `workers/${workerId}`, revision: revision.revision, message: `${message}, by ${commitId}` }];
    if (spec?.revision !== Number(chosenAt)) return found(`was chosen at revision ${chosenAt}, and was at ${spec?.revision} when something landed on it`);
    if (phase !== 'RUNNING' || spec.value.intent !== 'running') return found(`was ${phase}, to be ${spec.value.intent}, when something landed on it`);
    return [];
  }),
);

/** A host that was superseded says nothing of the allocation that came after. */
export const staleObservations = ruleAt('an observation is of the allocation that is there', (revision, before) =>
  revision.changes.flatMap((change) => {
    const { object, collection, part } = objectOf(change.key);
    if (collection !== 'instances' || part !== 'observed' || change.deleted) return [];
    const observed = change.value as Observation;
    const held = before.value<Allocation>(`${object}/worker`);
    if (held?.allocationId === observed.allocationId && held.workerId === observed.workerId) return [];
    return [{ rule: 'stale-observation', object, revision: revision.revision, message: `was observed as ${observed.allocationId} on ${observed.workerId}, and held ${held?.allocationId}` }];
  }),
);

/** A leader writes while it holds its office, which is never taken from somebody who has it. */
export const leaders = ruleAt('what a leader does, it does in office', (revision, before, { storeWasFull = false }) => [
  ...takenOver(revision, before),
  ...scheduledOutOfOffice(revision, before),
  ...(storeWasFull ? [] : trimmedOutOfOffice(revision, before)),
]);

function takenOver({ revision, changes }: StoreRevision, before: StoreState): Finding[] {
  return changes
    .filter(({ key, deleted }) => (key === keys.leader('scheduler') || key === keys.leader('controller')) && !deleted && before.get(key) !== undefined)
    .map(({ key }) => ({ rule: 'office-taken-over', object: key, revision, message: `was put while ${before.value<LeaderValue>(key)?.holder} held it` }));
}

/**
 * Whose commit it was is not in it, but when it was decided is: who came into office later cannot have decided it.
 * All processes of a harness share one clock.
 */
function scheduledOutOfOffice(revision: StoreRevision, before: StoreState): Finding[] {
  const office = before.value<LeaderValue>(keys.leader('scheduler'));
  return eventsOfRevision(revision).flatMap(({ event, commitId }) => {
    if (event.cause.actor !== 'scheduler') return [];
    if (office !== undefined && Date.parse(event.time) >= Date.parse(office.since)) return [];
    const holder = office === undefined ? 'nobody held the office' : `${office.holder} held the office since ${office.since}`;
    return [{ rule: 'led-out-of-office', object: `instances/${event.subject}`, revision: revision.revision, message: `${commitId} was decided at ${event.time}, and when it came ${holder}` }];
  });
}

function trimmedOutOfOffice({ revision, changes }: StoreRevision, before: StoreState): Finding[] {
  if (before.get(keys.leader('controller')) !== undefined) return [];
  const trimmed = changes.filter(({ key, deleted }) => deleted && key.startsWith(keys.outboxPrefix));
  if (trimmed.length === 0) return [];
  return [{ rule: 'led-out-of-office', object: keys.outboxPrefix, revision, message: `lost ${trimmed.length} entries while nobody was the controller leader` }];
}
