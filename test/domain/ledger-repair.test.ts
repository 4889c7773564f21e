import { emptyCapacity } from '../../src/domain/capacity';
import type { Allocation } from '../../src/domain/instance';
import type { LedgerState } from '../../src/domain/ledger';
import { planRepair } from '../../src/domain/ledger-repair';
import { capacityFrom, portsFrom } from '../../src/domain/ledger-sums';
import { repairPlanEntriesMax } from '../../src/domain/limits';
import type { PlanEntry } from '../../src/domain/plan';
import { heldPorts } from '../../src/domain/ports';
import { at } from '../support/domain-objects';

const resources = { cpuMillicores: 100, memoryMib: 64, storageMib: 16 };
const declared = { cpuMillicores: 4000, memoryMib: 4096, storageMib: 10_000 };
const range = { from: 2000, to: 2009 };

function allocation(allocationId: string, port: number): Allocation {
  return { schemaVersion: 1, allocationId, workerId: 'w-1', ports: { http: port }, resources, allocatedAt: at(0) };
}

function entry(number: number, differences: Partial<PlanEntry> = {}): PlanEntry {
  return { schemaVersion: 1, allocationId: `a-${number}`, instanceId: `i-${number}`, attempt: 1, wanted: 'running', workloadHash: 'w', ...differences };
}

/** So many instances that run on one worker, and what is wrong there. */
function state(count: number, fault: Partial<LedgerState['workers'][number]> = {}): LedgerState {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const allocations = numbers.map((number) => allocation(`a-${number}`, 1999 + number));
  const status = { phase: 'RUNNING', attempt: 1, undo: [{ step: 'start', undo: 'remove', attempt: 1 }], workloadHash: 'w' } as const;
  return {
    instances: numbers.map((number, index) => ({ id: `i-${number}`, status, allocation: allocations[index]! })),
    workers: [
      {
        id: 'w-1',
        opened: { capacity: declared, portRange: range },
        capacity: capacityFrom(declared, allocations),
        ports: portsFrom(range, allocations),
        plan: numbers.map((number) => entry(number)),
        ...fault,
      },
    ],
  };
}

test('a right ledger needs no repair', () => {
  expect(planRepair(state(3))).toEqual({ findings: [], repairs: [] });
  expect(planRepair({ instances: [], workers: [] })).toEqual({ findings: [], repairs: [] });
});

test('only what is wrong is written', () => {
  const { repairs, findings } = planRepair(state(2, { capacity: emptyCapacity(declared) }));
  expect(repairs).toEqual([{ workerId: 'w-1', capacity: capacityFrom(declared, [allocation('a-1', 2000), allocation('a-2', 2001)]), putPlan: [], removePlan: [] }]);
  expect(findings).toMatchObject([{ code: 'capacity_differs', repairable: true }]);
});

test('a port outside of the range is the fault of its allocation, and stays one', () => {
  const { instances, workers } = state(1);
  const outside = { instances: [{ ...instances[0]!, allocation: allocation('a-1', 3000) }], workers };
  const { findings, repairs } = planRepair(outside);
  expect(findings.map(({ code, repairable }) => [code, repairable])).toEqual([
    ['port_without_allocation', true],
    ['allocation_without_port', false],
  ]);
  expect(repairs).toHaveLength(1);
  expect(heldPorts(repairs[0]!.ports!)).toEqual([]);
});

test('a ledger that is gone is made anew only where the worker is open', () => {
  const { instances, workers } = state(1);
  const { capacity: _capacity, ports: _ports, ...without } = workers[0]!;
  expect(planRepair({ instances, workers: [without] }).findings.every(({ repairable }) => repairable)).toBe(true);
  const { opened: _opened, ...closed } = without;
  const { findings, repairs } = planRepair({ instances, workers: [closed] });
  expect(repairs).toEqual([]);
  expect(findings.map(({ code, repairable }) => [code, repairable])).toEqual([
    ['allocation_without_port', false],
    ['capacity_differs', false],
  ]);
});

test('an entry whose workload nobody knows is not written', () => {
  const { instances, workers } = state(1, { plan: [] });
  const { workloadHash: _hash, ...status } = instances[0]!.status as { workloadHash?: string } & LedgerState['instances'][number]['status'];
  const { findings, repairs } = planRepair({ instances: [{ ...instances[0]!, status }], workers });
  expect(repairs).toEqual([]);
  expect(findings).toMatchObject([{ code: 'allocation_without_plan', repairable: false }]);
});

test('one repair keeps within the bounds of a commit, and says what is left', () => {
  const many = repairPlanEntriesMax + 5;
  const plan = Array.from({ length: many }, (_, index) => entry(index + 100));
  const { findings, repairs } = planRepair(state(0, { plan }));
  expect(repairs[0]!.removePlan).toHaveLength(repairPlanEntriesMax);
  expect(findings.filter(({ repairable }) => repairable)).toHaveLength(repairPlanEntriesMax);
  expect(findings.filter(({ repairable }) => !repairable)).toHaveLength(5);
});

test('entries to write and entries to take away share the bound', () => {
  const broken = state(5, { plan: Array.from({ length: repairPlanEntriesMax - 2 }, (_, index) => entry(index + 100)) });
  const [repair] = planRepair(broken).repairs;
  expect(repair!.removePlan.length + repair!.putPlan.length).toBe(repairPlanEntriesMax);
  expect(repair!.putPlan).toEqual([entry(1), entry(2)]);
});
