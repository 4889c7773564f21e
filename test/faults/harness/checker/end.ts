import type { InstanceSpec, InstanceStatus } from '../../../../src/domain/instance';
import type { InstancePhase } from '../../../../src/domain/phases';
import { heldPorts } from '../../../../src/domain/ports';
import type { WorkerCapacity, WorkerPorts } from '../../../../src/domain/worker';
import { keys } from '../../../../src/stores/etcd/keys';
import type { RunHistory } from '../history';
import type { Expectations, Finding, Rule } from './rule';
import type { StoreState } from './store-state';
import { finalState, objectOf } from './store-state';

/** At the end everything was given back. */
export const givenBack: Rule = {
  promise: 'at the end the ledger is back to zero',
  needs: 'whole history',
  find({ store }: RunHistory, { expectEmpty }: Expectations): Finding[] {
    if (!expectEmpty) return [];
    const state = finalState(store.revisions);
    return [...state.under('instances/'), ...state.under('workers/')].flatMap(([key, { value }]) => {
      const message = leftOf(key, value);
      return message === undefined ? [] : [{ rule: 'not-given-back', object: key, message }];
    });
  },
};

/** What is left under a key that should hold nothing; undefined for what may stay. */
function leftOf(key: string, value: unknown): string | undefined {
  const { collection, part } = objectOf(key);
  if (collection === 'instances') return part === 'worker' || part === 'observed' ? 'is still there' : undefined;
  if (part.startsWith('plan/')) return 'is still in the plan';
  if (part === 'capacity') {
    const { allocated, instances } = value as WorkerCapacity;
    const sum = instances + allocated.cpuMillicores + allocated.memoryMib + allocated.storageMib;
    return sum === 0 ? undefined : `still promises ${JSON.stringify({ instances, ...allocated })}`;
  }
  if (part !== 'ports') return undefined;
  const held = heldPorts(value as WorkerPorts);
  return held.length === 0 ? undefined : `still holds ${held.join(', ')}`;
}

/** At the end every instance is where it should be. */
export const arrived: Rule = {
  promise: 'at the end every instance is where it was asked to be',
  needs: 'whole history',
  find({ store }: RunHistory, { expectEmpty, endPhases }: Expectations): Finding[] {
    if (!expectEmpty && !endPhases) return [];
    const state = finalState(store.revisions);
    const ids = state.under('instances/').map(([key]) => objectOf(key).id);
    return [...new Set(ids)].flatMap((id) => arrival(id, state, endPhases ?? []).map((message) => ({ rule: 'not-arrived', object: `instances/${id}`, message })));
  },
};

function arrival(id: string, state: StoreState, endPhases: readonly InstancePhase[]): string[] {
  const spec = state.value<InstanceSpec>(keys.instanceSpec(id));
  const status = state.value<InstanceStatus>(keys.instanceStatus(id));
  if (!spec || !status) return [`has ${spec ? 'a spec' : 'no spec'} and ${status ? 'a status' : 'no status'}`];
  if (status.phase === 'TERMINATED') return [];
  if (spec.intent === 'terminated') return [`is ${status.phase}, and was asked to terminate`];
  if (status.phase !== 'FAILED' && !endPhases.includes(status.phase)) return [`is ${status.phase}: ${status.message}`];
  if (status.observedGeneration < spec.generation) return [`is ${status.phase} by generation ${status.observedGeneration}, and was asked for ${spec.generation}`];
  return status.operation ? [`is ${status.phase}, with ${status.operation.step} still under way`] : [];
}

/** Nothing outlives what it belongs to. */
export const leftovers: Rule = {
  promise: 'at the end there is no orphan process and no left-over directory',
  needs: 'no store',
  find({ end }: RunHistory): Finding[] {
    return [
      ...end.liveProcesses.map((object) => ({ rule: 'orphan-process', object, message: 'is still alive' })),
      ...end.leftDirectories.map((object) => ({ rule: 'left-directory', object, message: 'is still there' })),
    ];
  },
};
