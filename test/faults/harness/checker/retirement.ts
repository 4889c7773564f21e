import type { OutboxValue } from '../../../../src/stores/etcd/commit';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RunHistory, StoreRevision } from '../history';
import type { Finding, Rule } from './rule';
import { eventsOfRevision, objectOf, StoreState } from './store-state';

/** By collection, the phase in which an object may leave the store; what is not listed never does. */
const lastPhases: Readonly<Record<string, string | undefined>> = { instances: 'TERMINATED', workers: 'TERMINATED', definitions: 'DELETED', templates: undefined };

/** Leases are not in the door of commits: an agent's last one may come late, and runs out by itself. */
const outlivesItsWorker = 'lease';

/** An object leaves the store by its retirement, and by nothing else. */
export const retirements: Rule = {
  promise: 'an object vanishes only when it is over and all its events are recorded, whole, with the event that says so, and for ever',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const state = new StoreState();
    const retired = new Set<string>();
    return store.revisions.flatMap((revision) => {
      const findings = [...vanishing(revision, state, retired), ...comingBack(revision, retired)];
      state.apply(revision);
      return findings.map((finding) => ({ ...finding, revision: revision.revision }));
    });
  },
};

function vanishing(revision: StoreRevision, before: StoreState, retired: Set<string>): Finding[] {
  const told = new Set(eventsOfRevision(revision).flatMap(({ event }) => (event.type.endsWith('.retired') ? [event.subject] : [])));
  const deleted = revision.changes.filter(({ key, deleted: isDeleted }) => isDeleted && before.get(key) !== undefined).map(({ key }) => key);
  const gone = new Set(deleted.flatMap((key) => (isHead(key) ? [objectOf(key).object] : [])));
  const neverLeft = [...told].filter((subject) => ![...gone].some((object) => objectOf(object).id === subject));
  return [
    ...neverLeft.map((subject) => ({ rule: 'retired-in-part', object: subject, message: 'was said to have retired, and is still there' })),
    ...[...gone].flatMap((object) => {
      const { id } = objectOf(object);
      if (!told.has(id)) return [{ rule: 'vanished', object, message: `lost ${deleted.filter((key) => key.startsWith(`${object}/`)).join(' and ')} without having retired` }];
      retired.add(object);
      return faultsOf(object, before, deleted).map(([rule, message]) => ({ rule, object, message }));
    }),
  ];
}

function faultsOf(object: string, before: StoreState, deleted: readonly string[]): Array<readonly [rule: string, message: string]> {
  const { collection, id } = objectOf(object);
  const phase = before.value<{ phase?: string }>(`${object}/state`)?.phase;
  const left = before.under(`${object}/`).map(([key]) => key).filter((key) => !deleted.includes(key) && objectOf(key).part !== outlivesItsWorker);
  const waiting = before.under(keys.outboxPrefix).filter(([, { value }]) => (value as OutboxValue).events.some(({ subject }) => subject === id));
  return [
    ...(phase !== undefined && phase === lastPhases[collection] ? [] : [['retired-alive', `retired while it was ${phase}`] as const]),
    ...(left.length === 0 ? [] : [['retired-in-part', `retired, and left ${left.join(', ')}`] as const]),
    ...(waiting.length === 0 ? [] : [['retired-unrecorded', `retired before ${waiting.map(([key]) => key).join(', ')} had been recorded`] as const]),
  ];
}

function comingBack({ changes }: StoreRevision, retired: ReadonlySet<string>): Finding[] {
  return changes.flatMap((change) => {
    const { object, part } = objectOf(change.key);
    if (change.deleted || !retired.has(object) || part === outlivesItsWorker) return [];
    return [{ rule: 'written-after-retirement', object, message: `has retired, and ${part} was written` }];
  });
}

function isHead(key: string): boolean {
  const { collection, part } = objectOf(key);
  return collection in lastPhases && (part === 'spec' || part === 'state');
}
