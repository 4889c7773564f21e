/**
 * The two tables of phases that the API and the lifecycles share. Every transition that is not in
 * them is refused.
 */

export const instancePhases = [
  'PENDING',
  'SCHEDULED',
  'INSTANTIATING',
  'RUNNING',
  'COLLECTING',
  'GRADING',
  'STOPPING',
  'STOPPED',
  'ARCHIVED',
  'TERMINATED',
  'FAILED',
] as const;
export type InstancePhase = (typeof instancePhases)[number];

const instanceTransitions: Readonly<Record<InstancePhase, readonly InstancePhase[]>> = {
  PENDING: ['SCHEDULED', 'TERMINATED'],
  SCHEDULED: ['INSTANTIATING', 'PENDING', 'STOPPING', 'FAILED'],
  INSTANTIATING: ['RUNNING', 'STOPPING', 'FAILED'],
  RUNNING: ['COLLECTING', 'STOPPING', 'FAILED'],
  COLLECTING: ['GRADING', 'STOPPING'],
  GRADING: ['STOPPING'],
  STOPPING: ['STOPPED', 'TERMINATED'],
  STOPPED: ['INSTANTIATING', 'ARCHIVED', 'STOPPING'],
  ARCHIVED: ['STOPPING'],
  FAILED: ['PENDING', 'TERMINATED'],
  TERMINATED: [],
};

export const workerPhases = [
  'PENDING',
  'PROVISIONING',
  'RUNNING',
  'DRAINING',
  'STOPPING',
  'STOPPED',
  'TERMINATED',
  'FAILED',
] as const;
export type WorkerPhase = (typeof workerPhases)[number];

const workerTransitions: Readonly<Record<WorkerPhase, readonly WorkerPhase[]>> = {
  PENDING: ['PROVISIONING', 'FAILED', 'TERMINATED'],
  PROVISIONING: ['RUNNING', 'FAILED', 'STOPPING', 'TERMINATED'],
  RUNNING: ['DRAINING', 'STOPPING', 'TERMINATED'],
  DRAINING: ['RUNNING', 'STOPPING', 'TERMINATED'],
  STOPPING: ['STOPPED', 'TERMINATED'],
  STOPPED: ['RUNNING', 'TERMINATED'],
  FAILED: ['PENDING', 'TERMINATED'],
  TERMINATED: [],
};

/** Whether an instance may go from one phase to another. Staying where it is is no transition. */
export function mayInstanceGo(from: InstancePhase, to: InstancePhase): boolean {
  return instanceTransitions[from].includes(to);
}

/** Whether a worker may go from one phase to another. */
export function mayWorkerGo(from: WorkerPhase, to: WorkerPhase): boolean {
  return workerTransitions[from].includes(to);
}

/** All transitions of one table, for documentation and tests. */
export function transitionsOf(kind: 'Instance' | 'Worker'): ReadonlyArray<readonly [from: string, to: string]> {
  const table: Readonly<Record<string, readonly string[]>> = kind === 'Instance' ? instanceTransitions : workerTransitions;
  return Object.entries(table).flatMap(([from, targets]) => targets.map((to) => [from, to] as const));
}

/** Phases in which an instance holds no ports and no capacity. */
export function holdsNothing(phase: InstancePhase): boolean {
  return phase === 'PENDING' || phase === 'TERMINATED' || phase === 'FAILED';
}

/** Whether `to` can still be reached from `from` by any chain of transitions; `waitFor` ends when it cannot. */
export function canInstanceReach(from: InstancePhase, to: InstancePhase): boolean {
  const seen = new Set<InstancePhase>();
  const open: InstancePhase[] = [from];
  while (open.length > 0) {
    const phase = open.pop()!;
    if (phase === to) return true;
    if (seen.has(phase)) continue;
    seen.add(phase);
    open.push(...instanceTransitions[phase]);
  }
  return false;
}
