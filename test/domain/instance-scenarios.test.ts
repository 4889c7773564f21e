import type { NewInstance } from '../../src/domain/admission';
import { isStuck } from '../../src/domain/stuck';
import { at, newInstance, startMs } from '../support/domain-objects';
import type { StartOutcome } from '../support/model-host';
import { InstanceSimulation } from '../support/instance-simulation';

/** An instance whose starts end so, from its beginning. */
function simulate(startOutcome: StartOutcome, differences: Partial<NewInstance> = {}): InstanceSimulation {
  const simulation = new InstanceSimulation(newInstance(differences));
  simulation.host.startOutcome = startOutcome;
  return simulation;
}

/** Lets everything happen that happens by itself now, without time passing. */
function rest(simulation: InstanceSimulation): void {
  do simulation.hostActs();
  while (simulation.step());
}

function passTo(simulation: InstanceSimulation, ms: number): void {
  simulation.nowMs = startMs + ms;
  rest(simulation);
}

/** It ends by itself after so long. */
function crashAt(simulation: InstanceSimulation, ms: number, how: 'failed' | 'exited' = 'failed'): void {
  simulation.nowMs = startMs + ms;
  simulation.host.crash(how);
  rest(simulation);
}

function running(differences: Partial<NewInstance> = {}): InstanceSimulation {
  const simulation = simulate('runs', differences);
  rest(simulation);
  expect(simulation.view.status.phase).toBe('RUNNING');
  return simulation;
}

describe('a start that fails', () => {
  it('is tried three times, 10 s and 20 s apart, then undone, FAILED, and placed anew by retry', () => {
    const simulation = simulate('fails');
    rest(simulation);
    expect(simulation.view.status).toMatchObject({
      phase: 'INSTANTIATING',
      operation: { step: 'start', attempt: 1, state: 'backoff', notBefore: at(10_000) },
      lastFailure: { step: 'start', reason: 'ReadinessTimeout', retryCount: 1 },
      message: `start failed (attempt 1 of 3), next try at ${at(10_000)}: was not ready in time`,
    });
    expect(isStuck(simulation.view.status)).toBe(false);
    passTo(simulation, 9_999);
    expect(simulation.host.starts).toEqual([1]);
    passTo(simulation, 10_000);
    expect(simulation.view.status.operation).toMatchObject({ attempt: 2, state: 'backoff', notBefore: at(30_000) });
    expect(isStuck(simulation.view.status)).toBe(true);

    passTo(simulation, 30_000);
    expect(simulation.host.starts).toEqual([1, 2, 3]);
    expect(simulation.view.status).toMatchObject({
      phase: 'FAILED',
      message: 'failed in start: was not ready in time',
      lastFailure: { step: 'start', reason: 'ReadinessTimeout', retryCount: 3 },
      formerWorkerId: 'w-1',
      conditions: [{ type: 'Ready', status: 'False', reason: 'ComponentFailure' }, { type: 'Scheduled' }],
      resources: {},
    });
    expect(simulation.released).toEqual(simulation.claimed);

    simulation.host.startOutcome = 'runs';
    simulation.ask('retry');
    rest(simulation);
    expect(simulation.host.starts).toEqual([1, 2, 3, 4]);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', acknowledgedCommand: simulation.view.spec.command?.id, startedAt: at(30_000) });
    expect(simulation.claimed).toHaveLength(2);
  });

  it('is not tried again when the configuration is wrong', () => {
    const simulation = simulate('is misconfigured');
    rest(simulation);
    expect(simulation.view.status).toMatchObject({ phase: 'FAILED', lastFailure: { class: 'configuration', retryCount: 1 } });
    expect(simulation.host.starts).toEqual([1]);
  });

  it('ends in FAILED without the host when its workload cannot be made', () => {
    const simulation = simulate('runs');
    simulation.isRenderable = false;
    rest(simulation);
    expect(simulation.view.status).toMatchObject({ phase: 'FAILED', attempt: 1, lastFailure: { reason: 'WorkloadRefused' } });
    expect(simulation.host.starts).toEqual([]);
    expect(simulation.released).toEqual(simulation.claimed);
  });

  it('keeps its phase, allocation and reason until the undo is confirmed, however long that takes', () => {
    const simulation = simulate('is misconfigured');
    rest(simulation);
    const late = simulate('is misconfigured');
    late.step();
    late.step();
    late.hostActs();
    late.host.isReachable = false;
    late.step();
    for (const [passedMs, deadlineMs, attempt] of [[60_000, 130_000, 2], [130_000, 210_000, 3], [210_000, 310_000, 4]] as const) {
      passTo(late, passedMs);
      expect(late.view.status).toMatchObject({ phase: 'INSTANTIATING', operation: { state: 'undo', attempt, deadlineAt: at(deadlineMs) }, lastFailure: { reason: 'CommandNotFound' } });
      expect(late.view.allocation).toBeDefined();
      expect(isStuck(late.view.status)).toBe(true);
    }
    late.host.isReachable = true;
    rest(late);
    expect(late.view.status).toMatchObject({ phase: 'FAILED', message: simulation.view.status.message });
    expect(late.released).toEqual(late.claimed);
  });

  it('gives way to a stop, and to a start after it, which is no attempt of the old one', () => {
    const simulation = simulate('fails');
    rest(simulation);
    simulation.ask('stop');
    rest(simulation);
    expect(simulation.view.status).toMatchObject({ phase: 'STOPPED', operation: undefined });
    simulation.host.startOutcome = 'runs';
    simulation.ask('start');
    rest(simulation);
    expect(simulation.view.status.phase).toBe('RUNNING');
    expect(simulation.host.starts).toEqual([1, 2]);
  });
});

describe('what crashes while it should run', () => {
  it('is restarted at once, then after 10 s and 20 s, and then given up', () => {
    const simulation = running();
    crashAt(simulation, 1_000);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', operation: undefined, restarts: { count: 1 } });
    crashAt(simulation, 2_000);
    expect(simulation.view.status).toMatchObject({ operation: { step: 'restart', state: 'backoff', notBefore: at(12_000) }, message: `ended 2 times in a row, next restart at ${at(12_000)}: exit code 1` });
    passTo(simulation, 12_000);
    expect(simulation.view.status).toMatchObject({ operation: undefined, restarts: { count: 2 } });
    crashAt(simulation, 13_000);
    expect(simulation.view.status.operation).toMatchObject({ notBefore: at(33_000) });
    passTo(simulation, 33_000);
    expect(simulation.host.starts).toEqual([1, 2, 3, 4]);
    crashAt(simulation, 34_000);
    expect(simulation.view.status).toMatchObject({ phase: 'FAILED', message: 'failed in restart: exit code 1' });
  });

  it('begins anew after it ran undisturbed for longer than the longest backoff', () => {
    const simulation = running();
    crashAt(simulation, 1_000);
    crashAt(simulation, 301_001);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', operation: undefined, restarts: { count: 1 } });
    crashAt(simulation, 601_001);
    expect(simulation.view.status).toMatchObject({ operation: { state: 'backoff' } });
  });

  it('is given up too when each restart takes longer than the longest backoff to come up', () => {
    const simulation = running({ retry: { attemptsMax: 3, initialBackoffMs: 1_000, maxBackoffMs: 1_000, factor: 1 } });
    let ms = 0;
    for (let crashes = 0; crashes < 4; crashes++) {
      simulation.host.startOutcome = 'hangs';
      crashAt(simulation, (ms += 500));
      passTo(simulation, (ms += 1_000));
      simulation.host.startOutcome = 'runs';
      passTo(simulation, (ms += 5_000));
    }
    expect(simulation.view.status.phase).toBe('FAILED');
    expect(simulation.host.starts).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['on-failure', 'failed', 'RUNNING', undefined],
    ['on-failure', 'exited', 'STOPPED', 'Completed'],
    ['always', 'failed', 'RUNNING', undefined],
    ['always', 'exited', 'RUNNING', undefined],
    ['never', 'failed', 'FAILED', undefined],
    ['never', 'exited', 'STOPPED', 'Completed'],
  ] as const)('with restart policy %s, having %s: %s', (policy, how, phase, reason) => {
    const simulation = running({ restart: { policy } });
    crashAt(simulation, 1_000, how);
    expect(simulation.view.status.phase).toBe(phase);
    expect(simulation.view.status.halted?.reason).toBe(reason);
  });
});

describe('the longest duration', () => {
  it('counts from the first RUNNING, through stops and restarts, and ends in STOPPED', () => {
    const simulation = running({ maxDurationMs: 60_000 });
    crashAt(simulation, 10_000);
    simulation.ask('stop');
    rest(simulation);
    simulation.ask('start');
    passTo(simulation, 20_000);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', startedAt: at(0), deadlineAt: at(60_000) });
    passTo(simulation, 59_999);
    expect(simulation.view.status.phase).toBe('RUNNING');
    passTo(simulation, 60_000);
    expect(simulation.view.status).toMatchObject({ phase: 'STOPPED', halted: { reason: 'MaxDurationReached' }, message: 'stopped: MaxDurationReached' });
    expect(simulation.view.spec.intent).toBe('running');
  });

  it('is counted anew after a start that followed a halt, even one that came while it was stopping', () => {
    const simulation = running({ maxDurationMs: 60_000 });
    simulation.nowMs = startMs + 60_000;
    simulation.step();
    expect(simulation.view.status.phase).toBe('STOPPING');
    expect(simulation.ask('start')).toBe(true);
    passTo(simulation, 70_000);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', halted: undefined, startedAt: at(70_000), deadlineAt: at(130_000) });
  });
});

describe('a host that is out of reach', () => {
  it('is asked to stop with ever more patience, and obeys when it is back', () => {
    const simulation = running();
    simulation.host.isReachable = false;
    simulation.ask('stop');
    rest(simulation);
    passTo(simulation, 60_000);
    expect(simulation.view.status).toMatchObject({ phase: 'STOPPING', operation: { attempt: 2, deadlineAt: at(130_000) }, lastFailure: { step: 'stop', class: 'host', reason: 'StepTimeout', retryCount: 1 } });
    expect(isStuck(simulation.view.status)).toBe(true);
    passTo(simulation, 130_000);
    expect(simulation.view.status.operation).toMatchObject({ attempt: 3, deadlineAt: at(210_000) });
    simulation.host.isReachable = true;
    rest(simulation);
    expect(simulation.view.status.phase).toBe('STOPPED');
    expect(isStuck(simulation.view.status)).toBe(false);
  });

  it('fails a start after its timeout, and what it starts late is stopped for the next attempt', () => {
    const simulation = running();
    simulation.ask('stop');
    rest(simulation);
    simulation.host.isReachable = false;
    simulation.ask('start');
    rest(simulation);
    passTo(simulation, 600_000);
    expect(simulation.view.status).toMatchObject({ phase: 'INSTANTIATING', operation: { state: 'backoff' }, lastFailure: { reason: 'StepTimeout' } });
    simulation.host.isReachable = true;
    passTo(simulation, 610_000);
    expect(simulation.host.starts).toEqual([1, 2, 3]);
    expect(simulation.view.status.phase).toBe('RUNNING');
  });
});

describe('an instance without a place', () => {
  it('waits in the queue, takes note of what is asked for meanwhile, and is placed by the leader', () => {
    const simulation = simulate('runs');
    simulation.hasRoom = false;
    rest(simulation);
    expect(simulation.view.status).toMatchObject({ phase: 'PENDING', message: 'nothing has room', conditions: [{ type: 'Ready' }, { type: 'Scheduled', status: 'False', reason: 'NoCapacity' }] });
    simulation.patch({ paused: true });
    rest(simulation);
    expect(simulation.view.status.observedGeneration).toBe(2);
    simulation.hasRoom = true;
    simulation.leaderPlaces();
    expect(simulation.view.status.phase).toBe('PENDING');
    simulation.patch({ paused: false });
    simulation.leaderPlaces();
    rest(simulation);
    expect(simulation.view.status).toMatchObject({ phase: 'RUNNING', conditions: [{ type: 'Ready', status: 'True' }, { type: 'Scheduled', status: 'True' }] });
  });
});
