import type { InstancePhase, WorkerPhase } from '../../../../src/domain/phases';
import { mayInstanceGo, mayWorkerGo } from '../../../../src/domain/phases';
import type { RunHistory, StoreRevision } from '../history';
import type { Finding, Rule } from './rule';
import { objectOf, StoreState } from './store-state';

/** Which phases may follow which; the tables that API and lifecycles share. */
const tables: Readonly<Record<string, (from: string, to: string) => boolean>> = {
  instances: (from, to) => mayInstanceGo(from as InstancePhase, to as InstancePhase),
  workers: (from, to) => mayWorkerGo(from as WorkerPhase, to as WorkerPhase),
};

/** Leases are not in the door of commits: an agent's last one may come late, and runs out by itself. */
const outlivesItsWorker = 'lease';

/** Every phase from the one before it, by the table. */
export const phases: Rule = {
  promise: 'an object begins PENDING, goes along the table of phases, and is left alone once it is TERMINATED',
  needs: 'each revision',
  find({ store }: RunHistory): Finding[] {
    const state = new StoreState();
    const begun = new Set<string>();
    return store.revisions.flatMap((revision) => {
      const findings = findingsAt(revision, state, begun);
      state.apply(revision);
      return findings;
    });
  },
};

function findingsAt({ revision, changes }: StoreRevision, state: StoreState, begun: Set<string>): Finding[] {
  return changes.flatMap((change) => {
    const { object, collection, part } = objectOf(change.key);
    const mayGo = tables[collection];
    if (!mayGo || change.deleted) return [];
    const former = phaseOf(state.value(`${object}/state`));
    const found = (rule: string, message: string): Finding[] => [{ rule, object, revision, message }];
    if (former === 'TERMINATED' && part !== outlivesItsWorker) return found('changed-after-end', `is TERMINATED, and ${part} was written`);
    if (part !== 'state') return [];
    const phase = phaseOf(change.value);
    if (former === undefined) {
      if (begun.has(object)) return found('id-used-twice', 'began anew under an old id');
      begun.add(object);
      return phase === 'PENDING' ? [] : found('phase-not-in-table', `began as ${phase}`);
    }
    if (phase === former || (phase !== undefined && mayGo(former, phase))) return [];
    return found('phase-not-in-table', `is ${phase} after ${former}`);
  });
}

function phaseOf(status: unknown): string | undefined {
  return (status as { phase?: string } | undefined)?.phase;
}
