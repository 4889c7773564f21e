import type { Allocation } from '../../../../src/domain/instance';
import type { Observation } from '../../../../src/domain/plan';
import { keys } from '../../../../src/stores/etcd/keys';
import { ruleAt } from './stale-writes';
import { objectOf } from './store-state';

/** What a host was ever told of is given back when that host has said that nothing of it is left. */
export const releases = ruleAt('an allocation is given back when its host has confirmed that nothing is left, and not before', (revision, before) =>
  revision.changes.flatMap(({ key, deleted }) => {
    const { object, collection, part, id } = objectOf(key);
    const held = before.value<Allocation>(key);
    if (collection !== 'instances' || part !== 'worker' || !deleted || held === undefined) return [];
    if (before.get(keys.planEntry(held.workerId, held.allocationId)) === undefined) return [];
    const observed = before.value<Observation>(keys.instanceObserved(id));
    if (observed?.allocationId === held.allocationId && observed.state === 'absent') return [];
    const said = observed?.allocationId === held.allocationId ? observed.state : 'nothing';
    return [{ rule: 'released-unconfirmed', object, revision: revision.revision, message: `gave ${held.allocationId} back, of which its host had said ${said}` }];
  }),
);
