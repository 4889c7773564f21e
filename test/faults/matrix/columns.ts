import type { Failpoint } from '../../../src/failpoints';
import type { ArmedFailpoint } from '../harness/armed-failpoints';
import type { FaultStack } from '../harness/fault-stack';
import type { Row } from './row';

/** A fault as it is done to one step of one object. */
export interface Column {
  readonly fault: string;
  /** Arms what is to strike; undefined `id`: the object is about to be made. */
  arm(stack: FaultStack, row: Row, id: string | undefined): readonly ArmedFailpoint[];
  /** What else happens once the first has struck; resolves when the whole fault has happened. */
  afterStrike?(stack: FaultStack, row: Row, id: string, armed: readonly ArmedFailpoint[]): Promise<void>;
  /** Freezes a process for as long as the cell takes: the other one is needed, so one such cell at a time. */
  isExclusive?(row: Row): boolean;
}

/** Steps of which an attempt is given more time than a test has: there, only a process that stands still looks dead. */
function isPatient({ collection, step }: Row): boolean {
  return collection === 'workers' && ['provision', 'destroy', 'undo'].includes(step);
}

const anyId = '[^/]+';

/** The commit that ends a step; one with a host or a provider has made others before. */
function lastCommit({ collection, step }: Row, id = anyId): string {
  return `^${collection}/${id}/\\d+/${step}\\.(?!begin|fail$)`;
}

function single(fault: string, action: Failpoint['action'], point: Failpoint['point'], subject = lastCommit): Column {
  return { fault, arm: ({ failpoints }, row, id) => [failpoints.arm({ point, subject: subject(row, id), action })] };
}

/** Wakes what was frozen and lets go what is held: what comes too late comes now. */
export function takeBack(armed: readonly ArmedFailpoint[]): void {
  for (const each of armed) {
    if (each.failpoint.action === 'stop' && each.struck) process.kill(each.struck.pid, 'SIGCONT');
    each.release();
  }
}

/** What may go wrong with a step. */
export const columns: readonly Column[] = [
  single('error', 'error', 'before-commit'),
  single('crash before effect', 'crash', 'before-step', ({ collection, step }, id = anyId) => `^${collection}/${id}/${step}$`),
  single('crash between effect and commit', 'crash', 'before-commit'),
  single('crash after commit', 'crash', 'after-commit'),
  {
    // Two lifecycles of one object come to the same commit, and go on from there together.
    fault: 'duplicate',
    arm: ({ failpoints }, row, id) => [1, 2].map(() => failpoints.arm({ point: 'before-commit', subject: lastCommit(row, id), action: 'hold' })),
    afterStrike: async (stack, row, id, armed) => {
      await stack.engine.startSecondLifecycle(row.collection, id);
      await armed[1]!.strikes();
      for (const each of armed) each.release();
    },
  },
  {
    // The attempt is given up while it is about to commit, another one does the step, and then it goes on.
    fault: 'timeout',
    isExclusive: isPatient,
    arm: ({ failpoints }, row, id) => [
      failpoints.arm({ point: 'before-commit', subject: lastCommit(row, id), action: isPatient(row) ? 'stop' : 'hold' }),
    ],
  },
];
