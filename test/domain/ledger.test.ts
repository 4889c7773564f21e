import type { Allocation } from '../../src/domain/instance';
import type { LedgerFinding, LedgerState } from '../../src/domain/ledger';
import { auditLedger } from '../../src/domain/ledger';
import type { PlannedStatus } from '../../src/domain/ledger-plan';
import { emptyCapacity, claimCapacity } from '../../src/domain/capacity';
import { instancePhases } from '../../src/domain/phases';
import type { PlanEntry } from '../../src/domain/plan';
import { claimPorts, emptyPorts, releasePorts } from '../../src/domain/ports';
import type { WorkerCapacity, WorkerPorts } from '../../src/domain/worker';
import { at } from '../support/domain-objects';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Ledger {
  instances: Array<Mutable<LedgerState['instances'][number]>>;
  workers: Array<Mutable<LedgerState['workers'][number]>>;
}

const resources = { cpuMillicores: 100, memoryMib: 64, storageMib: 16 };

function allocation(allocationId: string, workerId: string, ...ports: readonly number[]): Allocation {
  return { schemaVersion: 1, allocationId, workerId, ports: Object.fromEntries(ports.map((port, index) => [`p${index}`, port])), resources, allocatedAt: at(0) };
}

function planned(allocationId: string): PlanEntry {
  return { schemaVersion: 1, allocationId, instanceId: 'i-1', attempt: 1, wanted: 'running', workloadHash: 'w' };
}

function capacityOf(allocations: number): WorkerCapacity {
  let capacity = emptyCapacity({ cpuMillicores: 4000, memoryMib: 4096, storageMib: 10_000 });
  for (let index = 0; index < allocations; index++) capacity = valueOf(claimCapacity(capacity, resources, 4));
  return capacity;
}

function holding(...ports: readonly number[]): WorkerPorts {
  return valueOf(claimPorts(emptyPorts({ from: 2000, to: 2009 }), ports));
}

function valueOf<T>(outcome: { readonly value: T } | { readonly refused: { readonly message: string } }): T {
  if ('refused' in outcome) throw new Error(outcome.refused.message);
  return outcome.value;
}

/** Two workers, two instances on the first, one that holds nothing; nothing is wrong. */
function rightLedger(): Ledger {
  return {
    instances: [
      { id: 'i-1', status: { phase: 'RUNNING' }, allocation: allocation('a-1', 'w-1', 2000, 2001) },
      { id: 'i-2', status: { phase: 'STOPPED' }, allocation: allocation('a-2', 'w-1', 2002) },
      { id: 'i-3', status: { phase: 'PENDING' } },
    ],
    workers: [
      { id: 'w-1', capacity: capacityOf(2), ports: holding(2000, 2001, 2002), plan: [planned('a-1'), planned('a-2')] },
      { id: 'w-2', capacity: capacityOf(0), ports: holding(), plan: [] },
      { id: 'w-3', plan: [] },
    ],
  };
}

function findings(fault: (ledger: Ledger) => void): LedgerFinding[] {
  const ledger = rightLedger();
  fault(ledger);
  return auditLedger(ledger);
}

describe('the audit of the ledger', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(auditLedger(rightLedger())).toEqual([]);
    expect(auditLedger({ instances: [], workers: [] })).toEqual([]);
  });

  it.each<[fault: string, plant: (ledger: Ledger) => void, code: LedgerFinding['code'], object: string, message: RegExp]>([
    ['a bit too many', ({ workers }) => (workers[0]!.ports = holding(2000, 2001, 2002, 2009)), 'port_without_allocation', 'workers/w-1/ports', /^port 2009 is marked as held/],
    ['a bit on a worker without instances', ({ workers }) => (workers[1]!.ports = holding(2005)), 'port_without_allocation', 'workers/w-2/ports', /2005/],
    ['a bit too few', ({ workers }) => (workers[0]!.ports = valueOf(releasePorts(holding(2000, 2001, 2002), [2001]))), 'allocation_without_port', 'workers/w-1/ports', /^port 2001 of i-1:p1 is marked as free/],
    ['a port out of range', ({ instances, workers }) => { instances[1]!.allocation = allocation('a-2', 'w-1', 3000); workers[0]!.ports = holding(2000, 2001); }, 'allocation_without_port', 'workers/w-1/ports', /3000/],
    ['two holders of a port', ({ instances, workers }) => { instances[1]!.allocation = allocation('a-2', 'w-1', 2000); workers[0]!.ports = holding(2000, 2001); }, 'port_held_twice', 'workers/w-1/ports', /^port 2000 is held by i-1:p0 and i-2:p0/],
    ['one holder that has a port twice', ({ instances, workers }) => { instances[1]!.allocation = allocation('a-2', 'w-1', 2002, 2002); workers[0]!.ports = holding(2000, 2001, 2002); }, 'port_held_twice', 'workers/w-1/ports', /i-2:p0 and i-2:p1/],
    ['a sum too high', ({ workers }) => (workers[0]!.capacity = capacityOf(3)), 'capacity_differs', 'workers/w-1/capacity', /cpuMillicores 300 instead of 200, memoryMib 192 instead of 128, storageMib 48 instead of 32, instances 3 instead of 2/],
    ['a sum too low', ({ workers }) => (workers[0]!.capacity = { ...capacityOf(2), allocated: { ...capacityOf(2).allocated, memoryMib: 64 } }), 'capacity_differs', 'workers/w-1/capacity', /^says memoryMib 64 instead of 128$/],
    ['a miscount', ({ workers }) => (workers[0]!.capacity = { ...capacityOf(2), instances: 1 }), 'capacity_differs', 'workers/w-1/capacity', /^says instances 1 instead of 2$/],
    ['a missing sum', ({ workers }) => delete workers[0]!.capacity, 'capacity_differs', 'workers/w-1/capacity', /is missing, though 2 allocations/],
    ['a worker that is gone', ({ instances }) => instances.push({ id: 'i-9', status: { phase: 'RUNNING' }, allocation: allocation('a-9', 'w-9', 2000) }), 'allocation_without_worker', 'instances/i-9', /w-9, which does not exist/],
    ['a plan entry left over', ({ workers }) => (workers[1]!.plan = [planned('a-8')]), 'plan_without_allocation', 'workers/w-2/plan/a-8', /for instance i-1, but not allocated/],
    ['a damaged bitmap', ({ workers }) => (workers[0]!.ports = { ...holding(), bitmap: 'AAAAAA==' }), 'port_bitmap_damaged', 'workers/w-1/ports', /^the port bitmap of 2000-2009 is damaged/],
    ['a plan entry at the wrong worker', ({ workers }) => (workers[1]!.plan = [planned('a-1')]), 'plan_without_allocation', 'workers/w-2/plan/a-1', /not allocated/],
  ])('finds %s', (_fault, plant, code, object, message) => {
    const found = findings((ledger) => void plant(ledger));
    expect(found.map((finding) => [finding.code, finding.object])).toEqual([[code, object]]);
    expect(found[0]!.message).toMatch(message);
  });

  const remove = { step: 'start', undo: 'remove', attempt: 1 };
  const operation = { id: 'op', step: 'stop', attempt: 1, state: 'acting' as const, startedAt: at(0), deadlineAt: at(1) };
  const told = { phase: 'RUNNING', attempt: 1, undo: [remove], workloadHash: 'w' } as const;

  it.each<[what: string, status: PlannedStatus, entry: Partial<PlanEntry> | undefined, finding: string]>([
    ['runs as planned', told, {}, ''],
    ['is backing off', { ...told, operation: { ...operation, step: 'restart', state: 'backoff' } }, {}, ''],
    ['runs and is in no plan', told, undefined, 'allocation_without_plan: is missing, though instance i-1 is to be running there'],
    ['runs and is to stop by its plan', told, { wanted: 'stopped' }, 'plan_differs: says wanted stopped instead of running'],
    ['runs another attempt than planned', { ...told, attempt: 2 }, {}, 'plan_differs: says attempt 1 instead of 2'],
    ['runs another workload than planned', told, { workloadHash: 'v' }, 'plan_differs: says workloadHash v instead of w'],
    ['is another instance’s by its plan', told, { instanceId: 'i-7' }, 'plan_differs: says instanceId i-7 instead of i-1'],
    ['was never started and is in no plan', { ...told, phase: 'SCHEDULED', undo: [] }, undefined, ''],
    ['was never started and is in the plan', { ...told, phase: 'SCHEDULED', undo: [] }, {}, 'plan_before_start: is in the plan, though instance i-1 was never started there'],
    ['stops', { ...told, phase: 'STOPPING', operation }, { wanted: 'stopped' }, ''],
    ['stops and is to run by its plan', { ...told, phase: 'STOPPING', operation }, {}, 'plan_differs: says wanted running instead of stopped'],
    ['is being removed', { ...told, phase: 'STOPPING', operation: { ...operation, step: 'remove' } }, { wanted: 'absent' }, ''],
    ['is being undone', { ...told, operation: { ...operation, step: 'start', state: 'undo' } }, { wanted: 'absent' }, ''],
    ['is STOPPED', { ...told, phase: 'STOPPED' }, { wanted: 'stopped' }, ''],
    ['is in a phase of which nothing is known', { ...told, phase: 'GRADING' }, { wanted: 'absent' }, ''],
  ])('knows what must be in the plan of what %s', (_what, status, entry, finding) => {
    const found = findings(({ instances, workers }) => {
      instances[0]!.status = status;
      workers[0]!.plan = [...(entry ? [{ ...planned('a-1'), ...entry }] : []), planned('a-2')];
    });
    expect(found.map(({ code, message }) => `${code}: ${message}`).join('; ')).toBe(finding);
    expect(found.every(({ object }) => object === 'workers/w-1/plan/a-1')).toBe(true);
  });

  it.each(instancePhases)('knows whether an instance that is %s may hold an allocation', (phase) => {
    const holdsNothing = ['PENDING', 'FAILED', 'TERMINATED'].includes(phase);
    const withAllocation = findings(({ instances }) => (instances[0]!.status = { phase }));
    expect(withAllocation.map(({ code }) => code)).toEqual(holdsNothing ? ['allocation_in_wrong_phase'] : []);
    const without = findings(({ instances }) => (instances[2]!.status = { phase }));
    expect(without.map(({ code }) => code)).toEqual(holdsNothing ? [] : ['phase_without_allocation']);
  });

  it('names every fault when there are several', () => {
    const found = findings(({ instances, workers }) => {
      instances[0]!.status = { phase: 'FAILED' };
      workers[0]!.ports = holding(2000, 2003);
      workers[0]!.capacity = capacityOf(0);
      workers[0]!.plan = [planned('a-1'), planned('a-2'), planned('a-7')];
    });
    expect(found.map(({ code }) => code).sort()).toEqual([
      'allocation_in_wrong_phase',
      'allocation_without_port',
      'allocation_without_port',
      'capacity_differs',
      'plan_without_allocation',
      'port_without_allocation',
    ]);
  });
});
