import type { EngineMemory } from '../../src/leaders/repairer';
import { leadRepair } from '../../src/leaders/repairer';
import type { CachedObjects, InstanceEntries } from '../../src/stores/etcd/objects';
import { newInstance } from '../support/domain-objects';

/** Instances that wait for room, and so have nothing to do: only a lost engine makes anybody look after them. */
function idle(id: string): InstanceEntries {
  const { spec, status } = newInstance({}, id);
  const waiting = { ...status, conditions: [{ type: 'Scheduled', status: 'False', reason: 'NoCapacity', message: '', lastTransitionTime: '', observedGeneration: 1 } as const] };
  return { id, spec: { value: spec, revision: 1 }, status: { value: { ...waiting, observedGeneration: spec.generation }, revision: 1 }, allocation: undefined, observed: undefined };
}

/** What a leader asks of the engine up to the round that follows its first check. */
async function firstCheck(ids: readonly string[], engine: Partial<EngineMemory>): Promise<readonly string[]> {
  const ended = new AbortController();
  const asked: string[] = [];
  let isChecked = false;
  const memory: EngineMemory = {
    isThere: async () => false,
    prepare: async () => void asked.push('prepare'),
    restore: async (_kind, id) => asked.push(id) > 0,
    complete: async () => void asked.push('complete'),
    ...engine,
  };
  const instances = () => {
    if (isChecked) ended.abort();
    return ids.map(idle);
  };
  const cached = {
    instances,
    workers: () => {
      // The check lists everything once, if at all; the round that follows does so again.
      isChecked = true;
      return [];
    },
  } as Partial<CachedObjects> as CachedObjects;
  const term = { fencingToken: 1, fence: { key: '', revision: 1 }, signal: ended.signal };
  await leadRepair({ cached, nudge: (_kind, id) => void asked.push(`nudge ${id}`), engine: memory, onProblem: () => undefined }, term);
  return asked;
}

test('an engine that knows nothing is prepared, given everything alive, and only then called complete', async () => {
  expect(await firstCheck(['i-1', 'i-2'], {})).toEqual(['prepare', 'i-1', 'i-2', 'complete']);
});

test('an engine that did not take a single lifecycle is not complete, so that the next check, or the next leader, begins anew', async () => {
  expect(await firstCheck(['i-1', 'i-2'], { restore: async (_kind, id) => id !== 'i-1' })).toEqual(['prepare']);
});

test('an engine that cannot be prepared yet is given nothing, and one that knows everything is left alone', async () => {
  expect(await firstCheck(['i-1'], { prepare: () => Promise.reject(new Error('not yet')) })).toEqual([]);
  expect(await firstCheck(['i-1'], { isThere: async () => true })).toEqual([]);
});
