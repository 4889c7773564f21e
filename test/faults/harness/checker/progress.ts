import type { RunHistory, StoreChange, StoreRevision } from '../history';
import type { Finding, Rule } from './rule';
import { eventsOfRevision, objectOf, StoreState } from './store-state';

/** The fields by which an object's keys say how far they are. */
interface Counters {
  readonly sequence?: number;
  readonly generation?: number;
  readonly observedGeneration?: number;
  readonly attempt?: number;
  readonly allocationId?: string;
}

/** Every object's events count from 1, one by one. */
export const sequences: Rule = {
  promise: "an object's events are numbered from 1 without gap or repetition, in the order of revisions",
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const last = new Map<string, number>();
    return store.revisions.flatMap((revision) =>
      eventsOfRevision(revision).flatMap(({ event, commitId }) => {
        const object = `${event.kind} ${event.subject}`;
        const expected = (last.get(object) ?? 0) + 1;
        last.set(object, Math.max(event.sequence, expected - 1));
        if (event.sequence === expected) return [];
        return [{ rule: 'sequence-broken', object, revision: revision.revision, message: `has event ${event.sequence} where ${expected} was due, by ${commitId}` }];
      }),
    );
  },
};

/** Whatever is written to a spec or a status is told of by an event, in the same transaction. */
export const noSilentWrites: Rule = {
  promise: 'spec and status change only together with an event that carries their number',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    return store.revisions.flatMap((revision) => {
      const told = new Set(eventsOfRevision(revision).map(({ event }) => `${event.subject} ${event.sequence}`));
      return revision.changes.flatMap((change) => {
        const { id, part } = objectOf(change.key);
        if (change.deleted || (part !== 'spec' && part !== 'state')) return [];
        const { sequence } = change.value as Counters;
        if (told.has(`${id} ${sequence}`)) return [];
        return [{ rule: 'written-without-event', object: change.key, revision: revision.revision, message: `was written as number ${sequence} without an event` }];
      });
    });
  },
};

/** What counts up counts up. */
export const counters: Rule = {
  promise: 'generations and attempts never go back, and no status knows a generation that is not there',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const state = new StoreState();
    return store.revisions.flatMap((revision) => {
      const before = new Map(revision.changes.map(({ key }) => [key, state.value<Counters>(key)]));
      state.apply(revision);
      return revision.changes.flatMap((change) => findingsOf(change, before.get(change.key), state, revision));
    });
  },
};

function findingsOf(change: StoreChange, former: Counters | undefined, state: StoreState, { revision }: StoreRevision): Finding[] {
  if (change.deleted) return [];
  const { object, part } = objectOf(change.key);
  const next = change.value as Counters;
  const messages = [
    ...(part === 'spec' ? generationOf(next, former) : []),
    ...(part === 'state' ? observedGenerationOf(next, former, state.value<Counters>(`${object}/spec`)) : []),
    ...(part === 'state' || part === 'observed' || part.startsWith('plan/') ? attemptOf(next, former) : []),
  ];
  return messages.map((message) => ({ rule: 'went-back', object: change.key, revision, message }));
}

function generationOf({ generation }: Counters, former: Counters | undefined): string[] {
  const expected = (former?.generation ?? 0) + 1;
  return generation === expected ? [] : [`has generation ${generation} where ${expected} was due`];
}

function observedGenerationOf({ observedGeneration = 0 }: Counters, former: Counters | undefined, spec: Counters | undefined): string[] {
  const known = spec?.generation ?? 0;
  if (observedGeneration > known) return [`has observed generation ${observedGeneration} of a spec that is at ${known}`];
  const before = former?.observedGeneration ?? 0;
  return observedGeneration < before ? [`has observed generation ${observedGeneration} after ${before}`] : [];
}

/** A host's attempts count within one allocation: the next allocation begins with nothing observed. */
function attemptOf(next: Counters, former: Counters | undefined): string[] {
  if (former?.attempt === undefined || next.attempt === undefined || next.allocationId !== former.allocationId) return [];
  return next.attempt < former.attempt ? [`has attempt ${next.attempt} after ${former.attempt}`] : [];
}
