import type { InstancePhase } from '../../src/domain/phases';
import {
  canInstanceReach,
  holdsNothing,
  instancePhases,
  mayInstanceGo,
  mayWorkerGo,
  transitionsOf,
  workerPhases,
} from '../../src/domain/phases';

/** The table as it was settled, written down a second time: a change of the source must be meant. */
const settledInstanceTable = `
  PENDING → SCHEDULED | TERMINATED
  SCHEDULED → INSTANTIATING | PENDING | STOPPING | FAILED
  INSTANTIATING → RUNNING | STOPPING | FAILED
  RUNNING → COLLECTING | STOPPING | FAILED
  COLLECTING → GRADING | STOPPING
  GRADING → STOPPING
  STOPPING → STOPPED | TERMINATED
  STOPPED → INSTANTIATING | ARCHIVED | STOPPING
  ARCHIVED → STOPPING
  FAILED → PENDING | TERMINATED`;

/**
 * PENDING → PROVISIONING → RUNNING ⇄ DRAINING → STOPPING → STOPPED → RUNNING; what never ran may fail; a failed one
 * is retried; everything that was asked for may be stopped; from everywhere TERMINATED, once the host is known to be gone.
 */
const settledWorkerTable = `
  PENDING → PROVISIONING | FAILED | TERMINATED
  PROVISIONING → RUNNING | FAILED | STOPPING | TERMINATED
  RUNNING → DRAINING | STOPPING | TERMINATED
  DRAINING → RUNNING | STOPPING | TERMINATED
  STOPPING → STOPPED | TERMINATED
  STOPPED → RUNNING | TERMINATED
  FAILED → PENDING | TERMINATED`;

function parse(table: string): Set<string> {
  const rows = table.trim().split('\n').map((row) => row.trim().split(' → '));
  return new Set(rows.flatMap(([from, targets]) => targets!.split(' | ').map((to) => `${from} → ${to}`)));
}

describe.each([
  ['an instance', instancePhases, mayInstanceGo as (from: string, to: string) => boolean, parse(settledInstanceTable), 'Instance'],
  ['a worker', workerPhases, mayWorkerGo as (from: string, to: string) => boolean, parse(settledWorkerTable), 'Worker'],
] as const)('the phases of %s', (_name, phases, mayGo, settled, kind) => {
  const pairs = phases.flatMap((from) => phases.map((to) => [from, to] as const));

  it.each(pairs)('%s → %s is as it was settled', (from, to) => {
    expect(mayGo(from, to)).toBe(settled.has(`${from} → ${to}`));
  });

  it('tells its transitions for documentation', () => {
    expect(new Set(transitionsOf(kind).map(([from, to]) => `${from} → ${to}`))).toEqual(settled);
  });

  it('ends in TERMINATED, and is nowhere a dead end', () => {
    expect(phases.filter((from) => !phases.some((to) => mayGo(from, to)))).toEqual(['TERMINATED']);
  });
});

describe('an instance', () => {
  it.each(instancePhases)('can reach TERMINATED from %s', (phase) => {
    expect(canInstanceReach(phase, 'TERMINATED')).toBe(true);
  });

  it.each<[InstancePhase, InstancePhase, boolean]>([
    ['PENDING', 'RUNNING', true],
    ['STOPPED', 'RUNNING', true],
    ['STOPPING', 'RUNNING', true],
    ['FAILED', 'RUNNING', true],
    ['RUNNING', 'PENDING', true],
    ['ARCHIVED', 'RUNNING', true],
    ['PENDING', 'PENDING', true],
    ['TERMINATED', 'TERMINATED', true],
    ['TERMINATED', 'RUNNING', false],
    ['TERMINATED', 'PENDING', false],
  ])('in %s may still reach %s: %s', (from, to, expected) => {
    expect(canInstanceReach(from, to)).toBe(expected);
  });

  it('holds no ports and no capacity in PENDING, FAILED and TERMINATED, and nowhere else', () => {
    expect(instancePhases.filter(holdsNothing)).toEqual(['PENDING', 'TERMINATED', 'FAILED']);
  });
});
