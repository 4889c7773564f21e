import fc from 'fast-check';
import { emptyCapacity, releaseCapacity } from '../../src/domain/capacity';
import type { FleetWorker, PlacementRequest } from '../../src/domain/placement';
import { inQueueOrder, place, placeAll } from '../../src/domain/placement';
import { emptyPorts, releasePorts } from '../../src/domain/ports';
import { ports, request, resources, worker } from './placement-fleet';
import { afterPlacing } from '../../src/domain/placement/fleet';

// Small numbers, so that workers run full and requests meet each other often.
const portNumber = fc.integer({ min: 2000, max: 2012 });
const zone = fc.constantFrom('a', 'b');

const workers: fc.Arbitrary<FleetWorker[]> = fc
  .array(
    fc.record({
      declared: fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 })),
      cpuRatio: fc.constantFrom(1, 1.5, 4),
      size: fc.integer({ min: 1, max: 12 }),
      org: fc.constantFrom('platform', 'platform', 'o-1', 'o-2'),
      hostPorts: fc.uniqueArray(portNumber, { maxLength: 4 }),
      zone,
      down: fc.constantFrom({}, {}, {}, {}, { paused: true }, { online: false }, { intent: 'terminated' } as const),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((fleet) =>
    fleet.map(({ declared, cpuRatio, size, org, hostPorts, zone, down }, index) =>
      worker(`w${index}`, {
        capacity: emptyCapacity(resources(...declared)),
        cpuRatio,
        ports: emptyPorts({ from: 2000, to: 2000 + size - 1 }),
        org,
        hostPorts,
        labels: { zone },
        ...down,
      }),
    ),
  );

const queues: fc.Arbitrary<PlacementRequest[]> = fc
  .array(
    fc.record({
      amounts: fc.tuple(fc.nat(12), fc.nat(15), fc.nat(15)),
      asked: fc.array(fc.option(portNumber, { nil: undefined, freq: 2 }), { maxLength: 3 }),
      zone: fc.option(zone),
      org: fc.constantFrom('o-1', 'o-2'),
      priority: fc.nat(2),
      second: fc.nat(3),
      preferred: fc.option(fc.nat(5), { nil: undefined }),
    }),
    { maxLength: 25 },
  )
  .map((queue) =>
    queue.map(({ amounts, asked, zone, org, priority, second, preferred }, index) =>
      request(`i${index}`, {
        org,
        resources: resources(...amounts),
        ports: ports(...asked),
        constraints: { labels: zone === null ? {} : { zone } },
        priority,
        createdAt: `2026-11-21T10:00:0${second}.000Z`,
        ...(preferred !== undefined && { preferredWorkerId: `w${preferred}` }),
      }),
    ),
  );

/** What is held on a worker, kept as plain sums and sets: the model that the ledger is compared with. */
interface Held {
  readonly cpu: number;
  readonly memory: number;
  readonly storage: number;
  readonly ports: readonly number[];
}

/** Whether a request fits, written down a second time and naively. */
function fits(asked: PlacementRequest, on: FleetWorker, held: Held): boolean {
  const { declared } = on.capacity;
  const free: number[] = [];
  for (let port = on.ports.from; port <= on.ports.to; port += 1) {
    if (!held.ports.includes(port) && !on.hostPorts.includes(port)) free.push(port);
  }
  const fixed = asked.ports.flatMap(({ port }) => (port === undefined ? [] : [port]));
  const within = (wanted: number, sum: number, limit: number) => wanted === 0 || sum + wanted <= limit;
  return (
    (on.org === 'platform' || on.org === asked.org) &&
    on.online &&
    !on.paused &&
    on.intent === 'running' &&
    Object.entries(asked.constraints.labels).every(([label, value]) => on.labels[label] === value) &&
    within(asked.resources.memoryMib, held.memory, declared.memoryMib) &&
    within(asked.resources.storageMib, held.storage, declared.storageMib) &&
    within(asked.resources.cpuMillicores, held.cpu, declared.cpuMillicores * on.cpuRatio) &&
    new Set(fixed).size === fixed.length &&
    fixed.every((port) => free.includes(port)) &&
    asked.ports.length <= free.length
  );
}

/** Walks through the queue as it was decided, and hands each decision over with what was held before it. */
function replay(
  queue: readonly PlacementRequest[],
  fleet: readonly FleetWorker[],
  visit: (asked: PlacementRequest, heldBefore: ReadonlyMap<string, Held>, workerId: string | undefined) => void,
): ReadonlyMap<string, Held> {
  const { assignments, refusals } = placeAll(queue, fleet);
  expect(assignments.length + refusals.length).toBe(queue.length);
  const held = new Map(fleet.map(({ id }): [string, Held] => [id, { cpu: 0, memory: 0, storage: 0, ports: [] }]));
  for (const asked of [...queue].sort(inQueueOrder)) {
    const assigned = assignments.find(({ instanceId }) => instanceId === asked.instanceId);
    visit(asked, held, assigned?.workerId);
    if (!assigned) continue;
    const before = held.get(assigned.workerId)!;
    held.set(assigned.workerId, {
      cpu: before.cpu + asked.resources.cpuMillicores,
      memory: before.memory + asked.resources.memoryMib,
      storage: before.storage + asked.resources.storageMib,
      ports: [...before.ports, ...Object.values(assigned.ports)],
    });
  }
  return held;
}

describe('placement, for any queue and fleet', () => {
  it('never promises more than a worker has', () => {
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        const held = replay(queue, fleet, () => undefined);
        for (const { id, capacity, cpuRatio } of fleet) {
          const sums = held.get(id)!;
          expect(sums.memory).toBeLessThanOrEqual(capacity.declared.memoryMib);
          expect(sums.storage).toBeLessThanOrEqual(capacity.declared.storageMib);
          expect(sums.cpu).toBeLessThanOrEqual(capacity.declared.cpuMillicores * cpuRatio);
        }
      }),
    );
  });

  it('gives no port twice, none that the host holds and none out of range', () => {
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        const held = replay(queue, fleet, () => undefined);
        for (const { id, ports: { from, to }, hostPorts } of fleet) {
          const given = held.get(id)!.ports;
          expect(new Set(given).size).toBe(given.length);
          expect(given.filter((port) => hostPorts.includes(port) || port < from || port > to)).toEqual([]);
        }
      }),
    );
  });

  it('gives every port that is asked for, and fixed ones as asked', () => {
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        for (const { instanceId, ports: given } of placeAll(queue, fleet).assignments) {
          const asked = queue.find((one) => one.instanceId === instanceId)!;
          expect(Object.keys(given).sort()).toEqual(asked.ports.map(({ name }) => name).sort());
          for (const { name, port } of asked.ports) if (port !== undefined) expect(given[name]).toBe(port);
        }
      }),
    );
  });

  it('places what fits somewhere and refuses only what fits nowhere, in the order of the queue', () => {
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        replay(queue, fleet, (asked, held, workerId) => {
          const possible = fleet.filter((one) => fits(asked, one, held.get(one.id)!)).map(({ id }) => id);
          if (workerId === undefined) expect(possible).toEqual([]);
          else expect(possible).toContain(workerId);
          if (asked.preferredWorkerId !== undefined && possible.includes(asked.preferredWorkerId)) {
            expect(workerId).toBe(asked.preferredWorkerId);
          }
        });
      }),
    );
  });

  it('says of each refused request whether an empty worker could hold it', () => {
    const nothing: Held = { cpu: 0, memory: 0, storage: 0, ports: [] };
    const up = { online: true, paused: false, intent: 'running', hostPorts: [] } as const;
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        for (const { instanceId, everPossible, refused } of placeAll(queue, fleet).refusals) {
          const asked = queue.find((one) => one.instanceId === instanceId)!;
          expect(everPossible).toBe(fleet.some((one) => fits(asked, { ...one, ...up }, nothing)));
          expect(refused.map(({ workerId }) => workerId)).toEqual(fleet.filter(({ org }) => org === 'platform' || org === asked.org).map(({ id }) => id).sort());
        }
      }),
    );
  });

  it('decides the same again, however fleet and queue are ordered and whoever built them', () => {
    const shuffles = fc.tuple(queues, workers).chain(([queue, fleet]) =>
      fc.tuple(
        fc.constant(queue),
        fc.constant(fleet),
        fc.shuffledSubarray(queue, { minLength: queue.length }),
        fc.shuffledSubarray(fleet, { minLength: fleet.length }),
      ),
    );
    fc.assert(
      fc.property(shuffles, ([queue, fleet, shuffledQueue, shuffledFleet]) => {
        expect(placeAll(shuffledQueue, structuredClone(shuffledFleet))).toEqual(placeAll(queue, fleet));
      }),
    );
  });

  it('decides on the first as if it were alone', () => {
    fc.assert(
      fc.property(queues, workers, (queue, fleet) => {
        const first = [...queue].sort(inQueueOrder)[0];
        if (!first) return;
        const { assignments, refusals } = placeAll(queue, fleet);
        const decided = [...assignments, ...refusals].find(({ instanceId }) => instanceId === first.instanceId);
        expect(decided).toEqual({ instanceId: first.instanceId, ...place(first, fleet) });
      }),
    );
  });

  it('leaves a ledger that is bit for bit the first one when all is released', () => {
    fc.assert(
      fc.property(queues, workers, fc.infiniteStream(fc.nat()), (queue, fleet, picks) => {
        const current = new Map(fleet.map((one) => [one.id, one]));
        const { assignments } = placeAll(queue, fleet);
        const asked = (instanceId: string) => queue.find((one) => one.instanceId === instanceId)!;
        for (const { instanceId, workerId, ports: given } of assignments) {
          current.set(workerId, afterPlacing(current.get(workerId)!, asked(instanceId), given));
        }
        const left = [...assignments];
        while (left.length > 0) {
          const [released] = left.splice(picks.next().value % left.length, 1);
          const on = current.get(released!.workerId)!;
          const capacity = releaseCapacity(on.capacity, asked(released!.instanceId).resources);
          const freed = releasePorts(on.ports, Object.values(released!.ports));
          if ('refused' in capacity || 'refused' in freed) throw new Error('what was claimed must be releasable');
          current.set(on.id, { ...on, capacity: capacity.value, ports: freed.value });
        }
        expect([...current.values()]).toEqual(fleet);
      }),
    );
  });
});
