import type { Patch } from '../harness/test-build';
import type { Scene } from './scenarios';
import {
  agentBornAgain,
  askedAgain,
  changedUnderACommit,
  landedOnALeavingWorker,
  leaderSuperseded,
  livedAndEnded,
  placedByTwo,
  suspendedUnderACommit,
} from './scenarios';

/** A guard of the product, taken out of a test build, and what shows that it is missing. */
export interface PlantedBug {
  readonly missing: string;
  readonly patch: Patch;
  readonly scenario: (scene: Scene) => Promise<void>;
  /** Rules of the checker, any of which must find it. */
  readonly foundBy: readonly string[];
}

/** One for each guard. A guard that is new gets one here, or nobody knows whether the harness would miss it. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    missing: 'the compare of the spec and status that a commit was decided on',
    patch: {
      file: 'stores/etcd/commit.js',
      find: 'revisions.set(compare.key, compare.revision);',
      replace: "if (!/^instances\\/.*\\/(spec|state)$/.test(compare.key)) revisions.set(compare.key, compare.revision);",
    },
    scenario: changedUnderACommit,
    foundBy: ['stale-commit'],
  },
  {
    missing: "the compare of a worker's ledger",
    patch: { file: 'stores/etcd/commit.js', find: 'revisions.set(key, sharedBefore.get(key)?.revision ?? 0);', replace: '' },
    scenario: placedByTwo,
    foundBy: ['port-held-twice', 'capacity-differs', 'allocation-without-port', 'oversubscribed'],
  },
  {
    missing: 'the compare of the worker that something lands on',
    patch: {
      file: 'stores/etcd/lifecycle-decisions.js',
      find: 'compares: [(0, decisions_1.unchanged)(keys_1.keys.workerSpec(worker.id), worker.spec), (0, decisions_1.unchanged)(keys_1.keys.workerStatus(worker.id), worker.status)],',
      replace: 'compares: [],',
    },
    scenario: landedOnALeavingWorker,
    foundBy: ['stale-placement'],
  },
  {
    missing: 'the fence of a leader',
    patch: { file: 'activities/placement.js', find: '...(fence && { fence }),', replace: '' },
    scenario: leaderSuperseded,
    foundBy: ['led-out-of-office'],
  },
  {
    missing: 'the idempotency record',
    patch: { file: 'stores/etcd/decisions.js', find: 'if (!record)', replace: 'if (record)' },
    scenario: askedAgain,
    foundBy: ['done-twice'],
  },
  {
    missing: 'the release of ports and capacity',
    patch: {
      file: 'stores/etcd/lifecycle-decisions.js',
      find: 'shared: { group: allocation.workerId, changes: releases(allocation) },',
      replace: '',
    },
    scenario: livedAndEnded,
    foundBy: ['port-without-allocation', 'capacity-differs', 'not-given-back'],
  },
  {
    missing: 'what is given back to a quota by the commit that asks for the end',
    patch: { file: 'stores/etcd/decisions.js', find: '(0, quota_1.heldByInstance)(spec) ? undefined : (0, quota_1.heldByInstance)(entries.spec.value)', replace: 'undefined' },
    scenario: livedAndEnded,
    foundBy: ['quota-differs'],
  },
  {
    missing: 'the compare of the org that something new comes into',
    patch: { file: 'api/belonging.js', find: '(0, decisions_1.unchanged)(keys_1.keys.orgSpec(owner.org), org), ', replace: '' },
    scenario: suspendedUnderACommit,
    foundBy: ['came-into-closed'],
  },
  {
    missing: "the host's word that nothing is left",
    patch: { file: 'domain/instance-steps.js', find: "if (wanted !== 'running' && !mayExistOnHost(view))", replace: "if (wanted !== 'running')" },
    scenario: livedAndEnded,
    foundBy: ['released-unconfirmed'],
  },
  {
    missing: 'the insert into the record before the outbox is trimmed',
    patch: { file: 'leaders/projector.js', find: 'await record.insert(entries.flatMap(outbox_1.eventsOf));', replace: '' },
    scenario: livedAndEnded,
    foundBy: ['deleted-before-recorded'],
  },
  {
    missing: 'the floor under which an agent starts nothing',
    patch: { file: 'agent/allocation.js', find: 'return Math.max(this.record?.floor ?? -1, this.stopFloor);', replace: 'return -1;' },
    scenario: agentBornAgain,
    foundBy: ['started-unasked', 'ran-twice'],
  },
];
