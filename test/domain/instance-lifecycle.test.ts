import fc from 'fast-check';
import type { NewInstance } from '../../src/domain/admission';
import { newInstance } from '../support/domain-objects';
import { holdsEverywhere } from '../support/instance-invariants';
import type { Snapshot } from '../support/instance-simulation';
import { InstanceSimulation } from '../support/instance-simulation';

/** One thing that happens to an instance; a history is a list of them. */
type Happening = (simulation: InstanceSimulation, memory: { stale?: Snapshot }) => void;

interface Named {
  readonly name: string;
  readonly happens: Happening;
}

function named(name: string, happens: Happening): Named & { toString(): string } {
  return { name, happens, toString: () => name };
}

const step = named('step', (simulation) => simulation.step());
const faults = [
  named('step, commit lost', (simulation) => simulation.step('commit is lost')),
  named('step, second commit lost', (simulation) => simulation.step('second commit is lost')),
  named('step twice', (simulation) => {
    const before = simulation.snapshot();
    simulation.step(undefined, before);
    simulation.step(undefined, before);
  }),
  named('somebody reads', (simulation, memory) => (memory.stale = simulation.snapshot())),
  named('and decides on it', (simulation, memory) => memory.stale && simulation.step(undefined, memory.stale)),
];
const [terminate, ...userActs] = (['terminate', 'start', 'stop', 'retry'] as const).map((verb) => named(verb, (simulation) => simulation.ask(verb)));
const pausing = [true, false].map((paused) => named(paused ? 'pause' : 'go on', (simulation) => simulation.patch({ paused })));
const patches = [
  ...[null, 5_000, 600_000].map((maxDurationMs) => named(`at most ${maxDurationMs} ms`, (simulation) => simulation.patch({ maxDurationMs }))),
  ...(['always', 'never'] as const).map((policy) => named(`restart ${policy}`, (simulation) => simulation.patch({ restart: { policy } }))),
  named('a label', (simulation) => simulation.patch({ labels: { seen: String(simulation.nowMs) } })),
];
const hostActs = named('host acts', (simulation) => simulation.hostActs());
const hostFaults = [
  ...(['failed', 'exited'] as const).map((how) => named(`what runs has ${how}`, ({ host }) => host.crash(how))),
  ...(['runs', 'fails', 'is misconfigured', 'exits', 'hangs'] as const).map((outcome) =>
    named(`from now on it ${outcome}`, ({ host }) => (host.startOutcome = outcome)),
  ),
  ...[true, false].map((isReachable) => named(isReachable ? 'host is back' : 'host is out of reach', ({ host }) => (host.isReachable = isReachable))),
];
const surroundings = [
  ...[true, false].map((hasRoom) => named(hasRoom ? 'there is room' : 'there is no room', (simulation) => (simulation.hasRoom = hasRoom))),
  ...[true, false].map((isRenderable) => named(isRenderable ? 'renderable' : 'not renderable', (simulation) => (simulation.isRenderable = isRenderable))),
  named('the leader places', (simulation) => simulation.leaderPlaces()),
];
const time = [1, 500, 10_000, 61_000, 11 * 60_000].map((ms) => named(`${ms} ms pass`, (simulation) => (simulation.nowMs += ms)));

const happenings = fc.oneof(
  { weight: 40, arbitrary: fc.constant(step) },
  { weight: 24, arbitrary: fc.constant(hostActs) },
  { weight: 16, arbitrary: fc.constantFrom(...faults) },
  { weight: 12, arbitrary: fc.constantFrom(...userActs) },
  { weight: 4, arbitrary: fc.constantFrom(...pausing, ...patches) },
  { weight: 16, arbitrary: fc.constantFrom(...hostFaults) },
  { weight: 8, arbitrary: fc.constantFrom(...surroundings) },
  { weight: 12, arbitrary: fc.constantFrom(...time) },
  // Rare, since little can happen after it.
  { weight: 1, arbitrary: fc.constant(terminate!) },
);

const wanted = fc.record<Partial<NewInstance>>(
  {
    restart: fc.record({ policy: fc.constantFrom('always', 'on-failure', 'never') }),
    retry: fc.record({
      attemptsMax: fc.integer({ min: 1, max: 4 }),
      initialBackoffMs: fc.constantFrom(1, 500, 10_000),
      maxBackoffMs: fc.constantFrom(500, 10_000, 300_000),
      factor: fc.constantFrom(1, 2, 10),
    }),
    maxDurationMs: fc.constantFrom(1, 30_000, 3_600_000),
  },
  { requiredKeys: [] },
);

/** Lives through a history and holds every rule after each thing that happens. */
function live(differences: Partial<NewInstance>, history: readonly Named[]): InstanceSimulation {
  const simulation = new InstanceSimulation(newInstance(differences));
  const memory = {};
  for (const { happens } of history) {
    const seen = simulation.commits.length;
    happens(simulation, memory);
    holdsEverywhere(simulation, seen);
  }
  return simulation;
}

/** From now on everything goes well. */
function everythingWorks(simulation: InstanceSimulation): void {
  simulation.host.isReachable = true;
  simulation.host.startOutcome = 'runs';
  simulation.hasRoom = true;
  simulation.isRenderable = true;
  simulation.patch({ paused: false });
}

function settle(simulation: InstanceSimulation, stepsMax = 60): void {
  const seen = simulation.commits.length;
  simulation.settle(stepsMax);
  holdsEverywhere(simulation, seen);
}

const histories = fc.array(happenings, { maxLength: 80, size: 'max' });
const runs = { numRuns: 500 };

describe('the lifecycle of an instance, whatever happens to it', () => {
  it('is put through every step and every outcome by these histories', () => {
    const lived = fc.sample(fc.tuple(wanted, histories), { numRuns: 1500, seed: 3 }).map(([differences, history]) => live(differences, history));
    const seen = new Set(lived.flatMap(({ commits }) => commits.map(({ step: name, outcome }) => `${name} ${outcome}`)));
    expect([...seen].sort()).toEqual([
      'acknowledge complete',
      'finish complete',
      'remove begin',
      'remove complete',
      'remove fail',
      'restart begin',
      'restart complete',
      'restart fail',
      'retry complete',
      'schedule complete',
      'start begin',
      'start complete',
      'start fail',
      'stop begin',
      'stop complete',
      'stop fail',
      'undo complete',
      'undo fail',
    ]);
  });

  it('arrives at TERMINATED when it is terminated and its host answers, and leaves nothing', () => {
    fc.assert(
      fc.property(wanted, histories, fc.boolean(), (differences, history, paused) => {
        const simulation = live(differences, history);
        simulation.host.isReachable = true;
        simulation.patch({ paused });
        simulation.ask('terminate');
        settle(simulation);
        simulation.hostActs();
        expect(simulation.view.status.phase).toBe('TERMINATED');
        expect(simulation.released).toEqual(simulation.claimed);
        expect([...simulation.plan]).toEqual([]);
        expect(simulation.host.isEmpty).toBe(true);
      }),
      runs,
    );
  });

  it('comes to rest where its intent says, as soon as everything works', () => {
    fc.assert(
      fc.property(wanted, histories, (differences, history) => {
        const simulation = live(differences, history);
        everythingWorks(simulation);
        settle(simulation);
        const { spec, status, allocation } = simulation.view;
        const reachable = { running: ['RUNNING', 'STOPPED', 'FAILED'], stopped: ['STOPPED', 'FAILED'], terminated: ['TERMINATED'] };
        expect(reachable[spec.intent]).toContain(status.phase);
        if (spec.intent === 'running' && status.phase === 'STOPPED') expect(status.halted).toBeDefined();
        if (status.phase === 'FAILED') expect(status.lastFailure).toBeDefined();
        expect(simulation.host.isRunning(allocation?.allocationId ?? '')).toBe(status.phase === 'RUNNING');
      }),
      runs,
    );
  });

  it.each(['fails', 'is misconfigured'] as const)('ends in FAILED after bounded attempts when every start %s', (outcome) => {
    fc.assert(
      fc.property(wanted, histories, (differences, history) => {
        const simulation = live(differences, history);
        everythingWorks(simulation);
        simulation.host.startOutcome = outcome;
        simulation.host.crash('failed');
        const startsBefore = simulation.host.starts.length;
        settle(simulation);
        const { spec, status } = simulation.view;
        const ends = spec.intent === 'running' ? ['FAILED', 'STOPPED'] : ['STOPPED', 'FAILED', 'TERMINATED'];
        expect(ends).toContain(status.phase);
        // One more may have been on its way to the host.
        const bound = 1 + (outcome === 'fails' ? spec.retry.attemptsMax : 1);
        expect(simulation.host.starts.length - startsBefore).toBeLessThanOrEqual(bound);
        if (status.phase === 'FAILED') expect(simulation.released).toEqual(simulation.claimed);
      }),
      runs,
    );
  });

  it.each(['failed', 'exited'] as const)('ends a loop of starts that come up and then have %s', (how) => {
    fc.assert(
      fc.property(wanted, histories, fc.constantFrom(0, 1, 400, 9_000), (differences, history, uptimeMs) => {
        const simulation = live({ ...differences, maxDurationMs: undefined }, history);
        everythingWorks(simulation);
        settle(simulation);
        const startsBefore = simulation.host.starts.length;
        const { attemptsMax, maxBackoffMs } = simulation.view.spec.retry;
        fc.pre(uptimeMs <= maxBackoffMs);
        for (let crashes = 0; simulation.view.status.phase === 'RUNNING' && crashes < 20; crashes++) {
          simulation.nowMs += uptimeMs;
          simulation.host.crash(how);
          settle(simulation);
        }
        expect(['FAILED', 'STOPPED', 'TERMINATED']).toContain(simulation.view.status.phase);
        expect(simulation.host.starts.length - startsBefore).toBeLessThanOrEqual(attemptsMax + 1);
      }),
      runs,
    );
  });
});
