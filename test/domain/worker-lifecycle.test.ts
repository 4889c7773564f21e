import fc from 'fast-check';
import { mayWorkerGo } from '../../src/domain/phases';
import { workerNeedsLifecycle } from '../../src/domain/needs-lifecycle';
import { retryPolicyDefault } from '../../src/domain/retry';
import { nextForWorker, workerSteps } from '../../src/domain/worker-steps';
import { at, newWorker, operation, startMs } from '../support/domain-objects';
import type { ProviderAnswer, WorkerCommit } from '../support/worker-simulation';
import { WorkerSimulation } from '../support/worker-simulation';

const commitRules: Readonly<Record<string, (commit: WorkerCommit) => boolean>> = {
  'the phase goes along the table': ({ before, after }) =>
    before.status.phase === after.status.phase || mayWorkerGo(before.status.phase, after.status.phase),
  'the step may run in the phase': ({ step, before }) => {
    const from: readonly string[] = workerSteps[step].from;
    return from.length === 0 || from.includes(before.status.phase);
  },
  'the status has taken the spec into account': ({ after }) => after.status.observedGeneration === after.spec.generation,
  'the ledger is open from the first RUNNING to the end': ({ after }) =>
    (after.capacity !== undefined) === ['RUNNING', 'DRAINING', 'STOPPING'].includes(after.status.phase) ||
    // It never ran.
    (after.status.phase === 'STOPPING' && after.capacity === undefined),
  'a host is destroyed only when nothing is on it': ({ step, before }) => step !== 'destroy' || (before.capacity?.instances ?? 0) === 0,
  'what made it give up is not forgotten': ({ step, before, after }) => step !== 'undo' || before.status.lastFailure === after.status.lastFailure,
  'nothing begins while paused, but towards terminate': ({ step, before, after }) =>
    !before.spec.paused || before.spec.intent === 'terminated' || before.status.operation !== undefined || after.status.operation === undefined || step === 'undo',
};

function holdsEverywhere(simulation: WorkerSimulation, commitsSeen: number): void {
  for (const commit of simulation.commits.slice(commitsSeen)) {
    for (const [rule, holds] of Object.entries(commitRules)) {
      if (!holds(commit)) throw new Error(`broken: ${rule}\n${JSON.stringify(commit, undefined, 2)}`);
    }
  }
  const { view, hosts, nowMs } = simulation;
  const next = nextForWorker(view, nowMs);
  const from: readonly string[] = next.kind === 'run' ? workerSteps[next.step].from : [];
  if (from.length > 0) expect(from).toContain(view.status.phase);
  if (next.kind !== 'run') expect(workerNeedsLifecycle(view, nowMs)).toBe(false);
  // Every host that exists can be found, and has an undo on record until it is gone or the worker runs.
  expect([...hosts].filter((id) => id !== view.status.externalId)).toEqual([]);
  if (hosts.size > 0 && view.status.phase === 'PROVISIONING') expect(view.status.undo.map(({ undo }) => undo)).toEqual(['destroy']);
}

type Happening = (simulation: WorkerSimulation) => void;

const happenings = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom<Happening>((simulation) => simulation.step(), (simulation) => simulation.step(1)) },
  { weight: 1, arbitrary: fc.constant<Happening>((simulation) => simulation.ask('terminate')) },
  { weight: 3, arbitrary: fc.constant<Happening>((simulation) => simulation.ask('retry')) },
  { weight: 2, arbitrary: fc.boolean().map((paused): Happening => (simulation) => simulation.setPaused(paused)) },
  { weight: 3, arbitrary: fc.nat(3).map((instances): Happening => (simulation) => simulation.setInstances(instances)) },
  { weight: 3, arbitrary: fc.constantFrom<ProviderAnswer>('done', 'failed', 'failed, with something left', 'misconfigured', 'silent').map((answer): Happening => (simulation) => (simulation.createAnswer = answer)) },
  { weight: 2, arbitrary: fc.boolean().map((works): Happening => (simulation) => (simulation.destroyWorks = works)) },
  { weight: 4, arbitrary: fc.constantFrom(1, 10_000, 61_000).map((ms): Happening => (simulation) => (simulation.nowMs += ms)) },
);
const histories = fc.array(happenings, { maxLength: 50, size: 'max' });

function live(history: readonly Happening[]): WorkerSimulation {
  const simulation = new WorkerSimulation(newWorker());
  for (const happens of history) {
    const seen = simulation.commits.length;
    happens(simulation);
    holdsEverywhere(simulation, seen);
  }
  return simulation;
}

describe('the lifecycle of a worker, whatever happens to it', () => {
  it('is put through every step by these histories', () => {
    const commits = fc.sample(histories, { numRuns: 500, seed: 3 }).flatMap((history) => live(history).commits);
    expect(new Set(commits.map(({ step }) => step))).toEqual(new Set(Object.keys(workerSteps)));
  });

  it('is TERMINATED with no host left when it is terminated, its instances go and its provider works', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const simulation = live(history);
        simulation.destroyWorks = true;
        simulation.ask('terminate');
        simulation.settle(20);
        if ((simulation.view.capacity?.instances ?? 0) > 0) expect(simulation.view.status.phase).toBe('DRAINING');
        simulation.setInstances(0);
        simulation.settle(20);
        expect(simulation.view.status.phase).toBe('TERMINATED');
        expect([...simulation.hosts]).toEqual([]);
        expect(simulation.view.capacity).toBeUndefined();
      }),
    );
  });

  it.each(['failed', 'failed, with something left', 'misconfigured', 'silent'] as const)('is FAILED with no host left when provisioning is always: %s', (answer) => {
    fc.assert(
      fc.property(histories, (history) => {
        const simulation = live(history);
        simulation.setPaused(false);
        simulation.destroyWorks = true;
        simulation.createAnswer = answer;
        const asked = simulation.askedFor.length;
        simulation.settle(40);
        expect(simulation.askedFor.length - asked).toBeLessThanOrEqual(retryPolicyDefault.attemptsMax);
        expect(['RUNNING', 'FAILED', 'TERMINATED', 'DRAINING']).toContain(simulation.view.status.phase);
        if (simulation.view.status.phase === 'FAILED') expect([...simulation.hosts]).toEqual([]);
      }),
    );
  });
});

describe('a worker', () => {
  it('is provisioned, and its ledger opened', () => {
    const simulation = new WorkerSimulation(newWorker());
    simulation.settle(5);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', externalId: 'host-1', operation: undefined });
    expect(simulation.view.capacity).toMatchObject({ instances: 0 });
  });

  it('fails after three tries 10 s and 20 s apart, keeps why, and gets another host by retry', () => {
    const simulation = new WorkerSimulation(newWorker());
    simulation.createAnswer = 'failed, with something left';
    simulation.step();
    expect(simulation.view.status).toMatchObject({ phase: 'PROVISIONING', operation: { state: 'backoff', attempt: 1, notBefore: at(10_000) } });
    simulation.nowMs = startMs + 9_999;
    expect(simulation.step()).toBe(false);
    simulation.nowMs = startMs + 10_000;
    simulation.step();
    expect(simulation.view.status.operation).toMatchObject({ state: 'backoff', attempt: 2, notBefore: at(30_000) });
    simulation.nowMs = startMs + 30_000;
    simulation.step();
    expect(simulation.view.status.operation).toMatchObject({ state: 'undo', attempt: 3 });
    simulation.destroyWorks = false;
    simulation.step();
    simulation.destroyWorks = true;
    simulation.settle(3);
    expect(simulation.askedFor).toHaveLength(3);
    expect(new Set(simulation.askedFor).size).toBe(1);
    expect(simulation.view.status).toMatchObject({
      phase: 'FAILED',
      message: 'provisioning failed: no more hosts',
      lastFailure: { step: 'provision', reason: 'ProviderFailed', retryCount: 3 },
      externalId: undefined,
      agentTokenHash: undefined,
      undo: [],
    });

    simulation.createAnswer = 'done';
    expect(simulation.ask('retry')).toBe(true);
    simulation.settle(5);
    expect(simulation.view.status.phase).toBe('RUNNING');
    expect(simulation.askedFor[3]).not.toBe(simulation.askedFor[0]);
  });

  it('has no more time for a try that is taken up again, so that one which always dies fails too', () => {
    const simulation = new WorkerSimulation(newWorker());
    simulation.step(1);
    const first = simulation.view.status.operation;
    simulation.nowMs += 59_000;
    simulation.step(1);
    expect(simulation.view.status.operation).toMatchObject({ attempt: 1, startedAt: first?.startedAt, deadlineAt: at(60_000) });
    simulation.nowMs += 1_000;
    simulation.step();
    expect(simulation.view.status).toMatchObject({ operation: { state: 'backoff', attempt: 1 }, lastFailure: { reason: 'StepTimeout' } });
    simulation.nowMs += 10_000;
    simulation.step(1);
    expect(simulation.view.status.operation).toMatchObject({ attempt: 2, deadlineAt: at(130_000) });
    expect(new Set(simulation.askedFor).size).toBe(1);
  });

  it('drains when it is terminated with instances on it, and goes with the last one', () => {
    const simulation = new WorkerSimulation(newWorker());
    simulation.settle(5);
    simulation.setInstances(2);
    simulation.ask('terminate');
    simulation.settle(5);
    expect(simulation.view.status).toMatchObject({ phase: 'DRAINING', message: 'waiting for 2 instances to be terminated' });
    expect(workerNeedsLifecycle(simulation.view, simulation.nowMs)).toBe(false);
    simulation.setInstances(1);
    expect(simulation.step()).toBe(false);
    simulation.setInstances(0);
    expect(workerNeedsLifecycle(simulation.view, simulation.nowMs)).toBe(true);
    simulation.settle(5);
    expect(simulation.view.status.phase).toBe('TERMINATED');
  });

  it.each([
    ['PENDING', 'finish'],
    ['PROVISIONING', 'destroy'],
    ['RUNNING', 'destroy'],
    ['DRAINING', 'destroy'],
    ['STOPPING', 'destroy'],
    ['STOPPED', 'destroy'],
    ['FAILED', 'finish'],
  ] as const)('that is %s is terminated by %s, along the table', (phase, step) => {
    const worker = newWorker();
    const simulation = new WorkerSimulation({ ...worker, status: { ...worker.status, phase } });
    expect(simulation.ask('terminate')).toBe(true);
    expect(nextForWorker(simulation.view, simulation.nowMs)).toEqual({ kind: 'run', step, attempt: 1 });
    simulation.settle(5);
    holdsEverywhere(simulation, 0);
    expect(simulation.view.status.phase).toBe('TERMINATED');
    expect(nextForWorker(simulation.view, simulation.nowMs)).toEqual({ kind: 'close' });
  });

  it('is due again when a step in flight has passed its deadline, and not before', () => {
    const worker = newWorker();
    const status = { ...worker.status, phase: 'PROVISIONING' as const, operation: operation('provision', 'acting', { deadlineAt: at(60_000) }) };
    expect(workerNeedsLifecycle({ ...worker, status }, startMs + 59_999)).toBe(false);
    expect(workerNeedsLifecycle({ ...worker, status }, startMs + 60_000)).toBe(true);
  });

  it.each(['PENDING', 'FAILED'] as const)('that is paused and %s takes note of it and waits', (phase) => {
    const worker = newWorker();
    const simulation = new WorkerSimulation({ ...worker, status: { ...worker.status, phase } });
    simulation.ask('retry');
    simulation.setPaused(true);
    expect(nextForWorker(simulation.view, startMs)).toMatchObject({ kind: 'run', step: 'acknowledge' });
    simulation.step();
    expect(nextForWorker(simulation.view, startMs)).toEqual({ kind: 'wait' });
    simulation.setPaused(false);
    expect(nextForWorker(simulation.view, startMs).kind).toBe('run');
  });
});
