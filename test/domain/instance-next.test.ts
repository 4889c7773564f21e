import type { InstanceSpec, InstanceStatus, InstanceView } from '../../src/domain/instance';
import { endedOnHost, haltReason, nextForInstance, wantsRunning } from '../../src/domain/instance-next';
import type { InstanceStep } from '../../src/domain/instance-steps';
import { instanceSteps, settleHostStep } from '../../src/domain/instance-steps';
import type { Next } from '../../src/domain/next';
import type { InstancePhase } from '../../src/domain/phases';
import { holdsNothing, instancePhases } from '../../src/domain/phases';
import type { Observation } from '../../src/domain/plan';
import { InstanceSimulation } from '../support/instance-simulation';
import { allocationOf, at, newInstance, observationOf, operation, startMs, withSpec, withStatus } from '../support/domain-objects';

/** An instance in a phase as it would be there: with its allocation, told to its host, and everything acknowledged. */
function instanceIn(phase: InstancePhase, status: Partial<InstanceStatus> = {}, spec: Partial<InstanceSpec> = {}): InstanceView {
  const view = withSpec(newInstance(), spec);
  const told = holdsNothing(phase) ? [] : [{ step: 'start', undo: 'remove', attempt: 1 }, { step: 'schedule', undo: 'release', attempt: 1 }];
  const inPhase = withStatus(view, { phase, attempt: 1, undo: told, observedGeneration: view.spec.generation, ...status });
  return holdsNothing(phase) ? inPhase : { ...inPhase, allocation: allocationOf(view) };
}

function observedAs(view: InstanceView, state: Observation['state'], differences: Partial<Observation> = {}): InstanceView {
  return { ...view, observed: observationOf(view, state, differences) };
}

function run(step: InstanceStep, attempt = 1): Next<InstanceStep> {
  return { kind: 'run', step, attempt };
}

/** Status and spec of what has run for so long that it ends so many milliseconds after now. */
const endsAt = (ms: number) => [{ startedAt: at(ms - 60_000) }, { maxDurationMs: 60_000 }] as const;
const stopped = { intent: 'stopped', generation: 2, intentGeneration: 2 } as const;
const halted = { reason: 'Completed', generation: 1 };
const queued: Partial<InstanceStatus> = { conditions: [{ type: 'Scheduled', status: 'False', reason: 'NoCapacity', message: '', observedGeneration: 1, lastTransitionTime: at(0) }] };
const wait: Next = { kind: 'wait' };

describe('what an instance does next', () => {
  it.each<[what: string, view: InstanceView, next: Next]>([
    ['new', instanceIn('PENDING'), run('schedule')],
    ['in the queue', instanceIn('PENDING', queued), wait],
    ['placed', instanceIn('SCHEDULED'), run('start')],
    ['placed, to be stopped', instanceIn('SCHEDULED', {}, stopped), run('stop')],
    ['starting', instanceIn('INSTANTIATING', { operation: operation('start', 'acting') }), run('start')],
    ['starting a third time', instanceIn('INSTANTIATING', { operation: operation('start', 'acting', { attempt: 3 }) }), run('start', 3)],
    ['backing off', instanceIn('INSTANTIATING', { operation: operation('start', 'backoff', { notBefore: at(1) }) }), { kind: 'wait', untilMs: startMs + 1 }],
    ['backed off', instanceIn('INSTANTIATING', { operation: operation('start', 'backoff', { notBefore: at(0) }) }), run('start', 2)],
    ['backing off, to be stopped', instanceIn('INSTANTIATING', { operation: operation('start', 'backoff', { notBefore: at(1) }) }, stopped), run('stop')],
    ['undoing', instanceIn('INSTANTIATING', { operation: operation('start', 'undo') }), run('undo')],
    ['undoing what ran', instanceIn('RUNNING', { operation: operation('restart', 'undo') }), run('undo')],
    ['undoing, to be stopped', instanceIn('INSTANTIATING', { operation: operation('start', 'undo') }, stopped), run('undo')],
    ['running', observedAs(instanceIn('RUNNING'), 'running'), wait],
    ['running, with a deadline', observedAs(instanceIn('RUNNING', ...endsAt(1)), 'running'), { kind: 'wait', untilMs: startMs + 1 }],
    ['running, past its deadline', observedAs(instanceIn('RUNNING', ...endsAt(0)), 'running'), run('stop')],
    ['running, to be stopped', instanceIn('RUNNING', {}, stopped), run('stop')],
    ['crashed', observedAs(instanceIn('RUNNING'), 'failed'), run('restart')],
    ['crashed in an earlier attempt', observedAs(instanceIn('RUNNING', { attempt: 2 }), 'failed', { attempt: 1 }), wait],
    ['crashed in an earlier allocation', observedAs(instanceIn('RUNNING'), 'failed', { allocationId: 'a-0' }), wait],
    ['completed', observedAs(instanceIn('RUNNING'), 'exited'), run('stop')],
    ['completed, to run always', observedAs(instanceIn('RUNNING', {}, { restart: { policy: 'always' } }), 'exited'), run('restart')],
    ['crashed again, backing off', observedAs(instanceIn('RUNNING', { operation: operation('restart', 'backoff', { notBefore: at(1) }) }), 'failed'), { kind: 'wait', untilMs: startMs + 1 }],
    ['crashed again, backed off', observedAs(instanceIn('RUNNING', { operation: operation('restart', 'backoff', { notBefore: at(0), attempt: 2 }) }), 'failed'), run('restart', 3)],
    ['crashed again, past its deadline', observedAs(instanceIn('RUNNING', { ...endsAt(0)[0], operation: operation('restart', 'backoff', { notBefore: at(1) }) }, endsAt(0)[1]), 'failed'), run('stop')],
    ['stopping', instanceIn('STOPPING', { operation: operation('stop', 'acting', { attempt: 2 }) }, stopped), run('stop', 2)],
    ['stopping, to run again', instanceIn('STOPPING', { operation: operation('stop', 'acting') }), run('stop')],
    ['stopped', instanceIn('STOPPED', {}, { ...stopped, generation: 1 }), wait],
    ['stopped, to run again', instanceIn('STOPPED'), run('start')],
    ['stopped against its intent', instanceIn('STOPPED', { halted }), wait],
    ['stopped against its intent, started anew', instanceIn('STOPPED', { halted }, { generation: 2, intentGeneration: 2 }), run('start')],
    ['stopped against its intent, labelled anew', instanceIn('STOPPED', { halted }, { generation: 2 }), wait],
    ['failed', instanceIn('FAILED'), wait],
    ['failed, to be retried', instanceIn('FAILED', {}, { command: { id: 'c', kind: 'retry', generation: 2 } }), run('retry')],
    ['failed, retried before', instanceIn('FAILED', { acknowledgedCommand: 'c' }, { command: { id: 'c', kind: 'retry', generation: 2 } }), wait],
    ['running, labelled', observedAs(instanceIn('RUNNING', { observedGeneration: 1 }, { generation: 2 }), 'running'), run('acknowledge')],
    ['in the queue, labelled', instanceIn('PENDING', { ...queued, observedGeneration: 1 }, { generation: 2 }), run('acknowledge')],
    ['starting, labelled', instanceIn('INSTANTIATING', { observedGeneration: 1, operation: operation('start', 'acting') }, { generation: 2 }), run('start')],
    ['over', instanceIn('TERMINATED'), { kind: 'close' }],
    ['over, whatever is asked for', instanceIn('TERMINATED', {}, { intent: 'terminated' }), { kind: 'close' }],
  ])('%s', (_what, view, next) => {
    expect(nextForInstance(view, startMs)).toEqual(next);
  });

  it.each<[what: string, view: InstanceView, next: Next]>([
    ['new', instanceIn('PENDING'), wait],
    ['placed', instanceIn('SCHEDULED'), wait],
    ['placed, to be terminated', instanceIn('SCHEDULED', {}, { intent: 'terminated' }), run('remove')],
    ['starting', instanceIn('INSTANTIATING', { operation: operation('start', 'acting') }), run('start')],
    ['backed off', instanceIn('INSTANTIATING', { operation: operation('start', 'backoff', { notBefore: at(0) }) }), wait],
    ['undoing', instanceIn('INSTANTIATING', { operation: operation('start', 'undo') }), run('undo')],
    ['crashed', observedAs(instanceIn('RUNNING'), 'failed'), wait],
    ['running, with a deadline', instanceIn('RUNNING', ...endsAt(1)), { kind: 'wait', untilMs: startMs + 1 }],
    ['past its deadline', instanceIn('RUNNING', ...endsAt(0)), run('stop')],
    ['crashed, with a deadline', observedAs(instanceIn('RUNNING', ...endsAt(1)), 'failed'), { kind: 'wait', untilMs: startMs + 1 }],
    ['stopped and started again, past its deadline', instanceIn('STOPPED', ...endsAt(0)), wait],
    ['new, labelled', instanceIn('PENDING', { observedGeneration: 1 }, { generation: 2 }), run('acknowledge')],
    ['running, labelled', instanceIn('RUNNING', { observedGeneration: 1 }, { generation: 2 }), run('acknowledge')],
    ['to be stopped', instanceIn('RUNNING', {}, stopped), wait],
    ['stopping', instanceIn('STOPPING', { operation: operation('stop', 'acting') }, stopped), run('stop')],
    ['failed, to be retried', instanceIn('FAILED', {}, { command: { id: 'c', kind: 'retry', generation: 2 } }), wait],
  ])('while it is paused: %s', (_what, view, next) => {
    expect(nextForInstance(withSpec(view, { paused: true }), startMs)).toEqual(next);
  });
});

describe('an instance that is to be terminated', () => {
  const alive = instancePhases.filter((phase) => phase !== 'TERMINATED');
  const situations: ReadonlyArray<readonly [string, Partial<InstanceStatus>]> = [
    ['with nothing under way', {}],
    ['in the middle of a start', { operation: operation('start', 'acting') }],
    ['backing off', { operation: operation('start', 'backoff', { notBefore: at(9_999) }) }],
    ['undoing', { operation: operation('start', 'undo') }],
    ['halted', { halted }],
  ];
  const cells = alive.flatMap((phase) => (holdsNothing(phase) ? situations.slice(0, 1) : situations).map(([what, status]) => [phase, what, status] as const));

  it.each(cells)('in %s, %s, goes along the table to TERMINATED, paused or not', (phase, _what, status) => {
    for (const paused of [true, false]) {
      const simulation = new InstanceSimulation(instanceIn(phase, status, { intent: 'terminated', paused }));
      const next = nextForInstance(simulation.view, startMs);
      expect(next).toEqual(run(holdsNothing(phase) ? 'finish' : 'remove'));
      expect(instanceSteps[holdsNothing(phase) ? 'finish' : 'remove'].from).toContain(phase);
      simulation.settle(10);
      expect(simulation.view.status).toMatchObject({ phase: 'TERMINATED', undo: [], operation: undefined });
      expect(simulation.view.allocation).toBeUndefined();
    }
  });
});

describe('what halts an instance', () => {
  it.each<[what: string, view: InstanceView, reason: ReturnType<typeof haltReason>]>([
    ['running', observedAs(instanceIn('RUNNING'), 'running'), undefined],
    ['at its deadline', instanceIn('RUNNING', ...endsAt(0)), 'MaxDurationReached'],
    ['before its deadline', instanceIn('RUNNING', ...endsAt(1)), undefined],
    ['at its end', observedAs(instanceIn('RUNNING'), 'exited'), 'Completed'],
    ['at its end, to run always', observedAs(instanceIn('RUNNING', {}, { restart: { policy: 'always' } }), 'exited'), undefined],
    ['at its end, while it is being restarted', observedAs(instanceIn('RUNNING', { operation: operation('restart', 'acting') }), 'exited'), undefined],
    ['stopping already', instanceIn('STOPPING', ...endsAt(0)), undefined],
  ])('%s', (_what, view, reason) => {
    expect(haltReason(view, startMs)).toBe(reason);
  });

  it.each<[intent: InstanceSpec['intent'], intentGeneration: number, halt: boolean, wanted: boolean]>([
    ['running', 1, false, true],
    ['running', 3, true, false],
    ['running', 4, true, true],
    ['stopped', 4, true, false],
    ['terminated', 4, false, false],
  ])('outranks the intent %s of generation %d, halted at 3: %s → runs: %s', (intent, intentGeneration, halt, wanted) => {
    const { spec, status } = instanceIn('STOPPED', halt ? { halted: { reason: 'Completed', generation: 3 } } : {}, { intent, intentGeneration });
    expect(wantsRunning(spec, status)).toBe(wanted);
  });
});

describe('what a host says about a step', () => {
  const untold = { undo: [{ step: 'schedule', undo: 'release', attempt: 1 }] };

  it.each<[step: 'start' | 'stop' | 'remove' | 'undo', state: Observation['state'], kind: string]>([
    ['start', 'starting', 'pending'],
    ['start', 'running', 'done'],
    ['start', 'exited', 'done'],
    ['start', 'failed', 'failed'],
    ['start', 'stopped', 'pending'],
    ['start', 'absent', 'pending'],
    ['stop', 'running', 'pending'],
    ['stop', 'failed', 'pending'],
    ['stop', 'exited', 'pending'],
    ['stop', 'stopped', 'done'],
    ['stop', 'absent', 'done'],
    ['remove', 'stopped', 'pending'],
    ['remove', 'absent', 'done'],
    ['undo', 'failed', 'pending'],
    ['undo', 'absent', 'done'],
  ])('%s, seen as %s: %s', (step, state, kind) => {
    const view = instanceIn('INSTANTIATING');
    expect(settleHostStep(step, observedAs(view, state)).kind).toBe(kind);
    // Of another attempt or another allocation it says nothing at all.
    expect(settleHostStep(step, observedAs(view, state, { attempt: 0 })).kind).toBe('pending');
    expect(settleHostStep(step, observedAs(view, state, { allocationId: 'a-0' })).kind).toBe('pending');
    expect(endedOnHost(observedAs(view, state, { attempt: 0 }))).toBeUndefined();
  });

  it.each(['stop', 'remove', 'undo'] as const)('%s is done at once where no host was ever told', (step) => {
    expect(settleHostStep(step, instanceIn('SCHEDULED', untold))).toEqual({ kind: 'done' });
    expect(settleHostStep('start', instanceIn('SCHEDULED', untold))).toEqual({ kind: 'pending' });
  });

  it('a failure without a reason is still a failure', () => {
    expect(settleHostStep('start', observedAs(instanceIn('INSTANTIATING'), 'failed'))).toMatchObject({ failure: { class: 'transient', reason: 'Unexplained' } });
  });
});
