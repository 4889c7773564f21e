import { emptyCapacity } from '../../src/domain/capacity';
import { placementReasonsMax } from '../../src/domain/limits';
import type { Placement } from '../../src/domain/placement';
import { couldEverHold, fleetWorker, place, placeAll, placementRequest } from '../../src/domain/placement';
import { poolOf } from '../../src/domain/pool';
import { emptyPorts } from '../../src/domain/ports';
import { holding, ports, request, resources, using, worker } from './placement-fleet';

function numbered(index: number): string {
  return `w${String(index).padStart(3, '0')}`;
}

describe('choosing among workers that fit', () => {
  it('packs: takes the worker that is fuller afterwards', () => {
    const fleet = [worker('a'), worker('b', using(resources(0, 1024, 0))), worker('c', using(resources(0, 512, 0)))];
    expect(place(request('i'), fleet)).toEqual({ workerId: 'b', ports: {}, score: (100 / 16_000 + 1536 / 4096) / 2 });
  });

  it('weighs CPU against what may be promised, not against what is declared', () => {
    const fleet = [worker('a', { cpuRatio: 8, ...using(resources(8000, 0, 0)) }), worker('b', using(resources(8000, 0, 0)))];
    expect(place(request('i'), fleet)).toMatchObject({ workerId: 'b' });
  });

  it('takes the preferred worker however empty, if it fits', () => {
    const fleet = [worker('a', using(resources(0, 1024, 0))), worker('b')];
    expect(place(request('i', { preferredWorkerId: 'b' }), fleet)).toMatchObject({ workerId: 'b' });
    const full = [fleet[0]!, worker('b', { paused: true })];
    expect(place(request('i', { preferredWorkerId: 'b' }), full)).toMatchObject({ workerId: 'a' });
  });

  it('takes the smallest id among equals', () => {
    expect(place(request('i'), [worker('c'), worker('a'), worker('b')])).toMatchObject({ workerId: 'a' });
  });

  it('calls a worker that declares no CPU and no memory not full at all', () => {
    const fleet = [worker('a', { capacity: emptyCapacity(resources(0, 0, 0)) })];
    expect(place(request('i', { resources: resources(0, 0, 0) }), fleet)).toEqual({ workerId: 'a', ports: {}, score: 0 });
  });

  it('goes on without a worker whose ledger is damaged', () => {
    const damaged = worker('a', { ports: { schemaVersion: 1, from: 2000, to: 2009, bitmap: 'AA==' } });
    expect(place(request('i', { ports: ports(2000) }), [damaged, worker('b')])).toMatchObject({ workerId: 'b' });
  });
});

describe('a refusal', () => {
  it('says so when there are no workers', () => {
    expect(place(request('i'), [])).toEqual({ refused: [], message: 'there are no workers', everPossible: false });
  });

  it('sums up all workers, cuts the reasons and orders them by id', () => {
    const fleet = Array.from({ length: 50 }, (_, index) => worker(numbered(index), { paused: index < 10, online: false }));
    const refused = place(request('i'), fleet.reverse());
    if (!('refused' in refused)) throw new Error('must be refused');
    expect(refused.message).toBe('0 of 50 workers can hold it: WorkerOffline on 40, WorkerPaused on 10');
    expect(refused.refused).toHaveLength(placementReasonsMax);
    expect(refused.refused.map(({ workerId }) => workerId)).toEqual(
      Array.from({ length: placementReasonsMax }, (_, index) => numbered(index)),
    );
  });

  it('is not for ever when one kind of worker could hold it empty', () => {
    const fleet = [worker('a', using(resources(0, 4096, 0))), worker('b', { capacity: emptyCapacity(resources(1, 1, 1)) })];
    const asked = request('i');
    expect(place(asked, fleet)).toMatchObject({ everPossible: true });
    expect(place(asked, fleet.slice(1))).toMatchObject({ everPossible: false });
    expect(fleet.map((one) => couldEverHold(asked, one))).toEqual([true, false]);
  });
});

describe('placing a queue', () => {
  it('goes by priority, then age, then id, and later ones see what earlier ones took', () => {
    const queue = [
      request('0-young', { createdAt: '2026-11-21T10:00:02.000Z', resources: resources(0, 1500, 0) }),
      request('b', { createdAt: '2026-11-21T10:00:01.000Z', resources: resources(0, 1500, 0) }),
      request('a', { createdAt: '2026-11-21T10:00:01.000Z', resources: resources(0, 1500, 0) }),
      request('urgent', { priority: 1, createdAt: '2026-11-21T10:00:09.000Z', resources: resources(0, 1000, 0) }),
    ];
    const { assignments, refusals } = placeAll(queue, [worker('w')]);
    expect(assignments.map(({ instanceId }) => instanceId)).toEqual(['urgent', 'a', 'b']);
    expect(refusals).toEqual([
      {
        instanceId: '0-young',
        refused: [{ workerId: 'w', code: 'NotEnoughMemory', message: 'needs 1500 MiB of memory, 96 MiB of 4096 MiB are free' }],
        message: '0 of 1 workers can hold it: NotEnoughMemory on 1',
        everPossible: true,
      },
    ]);
  });

  it('keeps nobody waiting behind what finds no place', () => {
    const queue = [request('huge', { priority: 9, resources: resources(0, 9999, 0) }), request('small')];
    const { assignments, refusals } = placeAll(queue, [worker('w')]);
    expect(assignments.map(({ instanceId }) => instanceId)).toEqual(['small']);
    expect(refusals.map(({ instanceId }) => instanceId)).toEqual(['huge']);
  });

  it('gives a fixed port once and then names the allocation as holder', () => {
    const queue = ['a', 'b'].map((id) => request(id, { ports: ports(2004) }));
    const { assignments, refusals } = placeAll(queue, [worker('w')]);
    expect(assignments).toMatchObject([{ instanceId: 'a', ports: { p0: 2004 } }]);
    expect(refusals).toMatchObject([{ refused: [{ message: 'needs port 2004 for p0, which another allocation holds' }] }]);
  });

  it('leaves the fleet as it was given', () => {
    const fleet = [worker('w', { ports: holding(2001) })];
    const copy = structuredClone(fleet);
    placeAll([request('a', { ports: ports(undefined, 2000) })], fleet);
    expect(fleet).toEqual(copy);
  });

  it('reads as a log of decisions', () => {
    const fleet = [
      worker('host-a', { labels: { zone: 'a' } }),
      worker('host-b', { labels: { zone: 'b' }, hostPorts: [2000] }),
      worker('host-c', { paused: true }),
    ];
    const queue = [
      request('1-web', { ports: ports(2000) }),
      request('2-web', { ports: ports(2000) }),
      request('3-batch', { resources: resources(16_000, 100, 0) }),
      request('4-lab', { resources: resources(100, 4000, 0), constraints: { labels: { zone: 'b' } } }),
      request('5-gpu', { constraints: { labels: { gpu: 'any' } } }),
      request('6-urgent', { priority: 5, resources: resources(8000, 2048, 0) }),
    ];
    const { assignments, refusals } = placeAll(queue, fleet);
    const log = [
      ...assignments.map(({ instanceId, workerId, score }) => `${instanceId} → ${workerId}, then ${Math.round(score * 100)} % full`),
      ...refusals.flatMap(({ instanceId, refused, everPossible }) =>
        refused.map(({ workerId, message }) => `${instanceId} waits${everPossible ? '' : ' for ever'}: ${workerId} ${message}`),
      ),
    ];
    expect(log).toEqual([
      '6-urgent → host-a, then 50 % full',
      '1-web → host-a, then 57 % full',
      '3-batch → host-b, then 51 % full',
      '2-web waits: host-a needs port 2000 for p0, which another allocation holds',
      '2-web waits: host-b needs port 2000 for p0, which the host itself holds',
      '2-web waits: host-c is paused',
      '4-lab waits: host-a has label zone=a, zone=b is asked for',
      '4-lab waits: host-b needs 4000 MiB of memory, 3996 MiB of 4096 MiB are free',
      '4-lab waits: host-c has no label zone, zone=b is asked for',
      '5-gpu waits for ever: host-a has no label gpu, gpu=any is asked for',
      '5-gpu waits for ever: host-b has no label gpu, gpu=any is asked for',
      '5-gpu waits for ever: host-c has no label gpu, gpu=any is asked for',
    ]);
  });
});

describe('building from heads', () => {
  const header = {
    schemaVersion: 1,
    org: 'default',
    project: 'default',
    generation: 1,
    createdAt: '2026-11-21T10:00:00.000Z',
    updatedAt: '2026-11-21T10:00:00.000Z',
    labels: { zone: 'a' },
    paused: false,
    sequence: 1,
    cause: { actor: 'user:test' },
  };
  const status = {
    schemaVersion: 1,
    sequence: 1,
    phase: 'RUNNING' as const,
    message: '',
    observedGeneration: 1,
    lastReconcileTime: '2026-11-21T10:00:00.000Z',
    conditions: [],
    undo: [],
    resources: {},
    attempt: 1,
  };
  const spec = {
    ...header,
    kind: 'Worker' as const,
    id: 'w',
    name: 'w',
    template: { id: 't', name: 't' },
    intent: 'running' as const,
    provider: 'local',
    capacity: resources(4000, 4096, 10_000),
    cpuRatio: 4,
    portRange: { from: 2000, to: 2009 },
    provisionTimeoutMs: 1000,
  };
  const observed = { schemaVersion: 1, hostname: 'h', agentVersion: '0', address: 'h', hostPorts: [2001], observedAt: '' };

  it('takes ledger and observation where they are there', () => {
    const capacity = { ...emptyCapacity(spec.capacity), instances: 3 };
    const built = fleetWorker({ spec, status, capacity, ports: holding(2005), observed, online: true });
    const expected = worker('w', { org: 'default', labels: { zone: 'a' }, capacity, ports: holding(2005), hostPorts: [2001] });
    expect(built).toEqual(expected);
  });

  it('takes a worker without a ledger for an empty one of its kind', () => {
    const built = fleetWorker({ spec, status: { ...status, phase: 'PENDING' }, online: false });
    expect(built).toEqual(worker('w', { org: 'default', labels: { zone: 'a' }, phase: 'PENDING', online: false }));
  });

  it('makes the request of an instance', () => {
    const instance = {
      ...header,
      kind: 'Instance' as const,
      id: 'i',
      definition: { id: 'd', name: 'd', version: '1.0.0', contentHash: 'x' },
      intent: 'running' as const,
      intentGeneration: 1,
      resources: resources(100, 512, 10),
      ports: ports(undefined),
      constraints: { labels: {} },
      priority: 0,
      restart: { policy: 'never' as const },
      retry: { attemptsMax: 1, initialBackoffMs: 1, maxBackoffMs: 1, factor: 1 },
    };
    expect(placementRequest(instance)).toEqual(request('i', { ports: ports(undefined) }));
    expect(placementRequest(instance, 'w')).toEqual(request('i', { ports: ports(undefined), preferredWorkerId: 'w' }));
    expect(place(placementRequest(instance), [worker('w', { ports: emptyPorts({ from: 7, to: 7 }) })])).toMatchObject({
      ports: { p0: 7 },
    } satisfies Partial<Placement>);
  });
});

describe('workers that are dedicated to an org', () => {
  const own = worker('own', { org: 'o-1' });
  const shared = worker('shared', { org: 'platform' });
  const foreign = worker('foreign', { org: 'o-2' });

  it('take nothing of another org, whoever has room', () => {
    const asked = request('i', { org: 'o-1', preferredWorkerId: 'foreign' });
    expect(place(asked, [foreign, own])).toMatchObject({ workerId: 'own' });
    expect(place(asked, [foreign, shared])).toMatchObject({ workerId: 'shared' });
    expect(place(request('i', { org: 'default' }), [own, foreign])).toMatchObject({ refused: [], everPossible: false });
  });

  it('are neither named nor counted to another org', () => {
    const full = { ...own, paused: true };
    expect(place(request('i', { org: 'o-1' }), [foreign, full])).toMatchObject({
      refused: [{ workerId: 'own', code: 'WorkerPaused' }],
      message: '0 of 1 workers can hold it: WorkerPaused on 1',
    });
    expect(place(request('i', { org: 'o-1' }), [foreign])).toMatchObject({ message: 'there are no workers' });
  });
});

describe('the pool of constraints', () => {
  const wanting = (labels: Record<string, string>, org = 'default') => ({ org, constraints: { labels } });

  it('is the same however they are written, and another for others', () => {
    expect(poolOf(wanting({ a: '1', b: '2' }))).toBe(poolOf(wanting({ b: '2', a: '1' })));
    expect(poolOf(wanting({ a: '1' }))).toBe('{"constraints":{"labels":{"a":"1"}},"org":"default"}');
    expect(poolOf(wanting({ a: '1' }))).not.toBe(poolOf(wanting({ a: '2' })));
    expect(poolOf(wanting({}))).not.toBe(poolOf(wanting({}, 'o-1')));
    expect(poolOf(wanting({}))).not.toBe(poolOf(wanting({ a: '' })));
  });
});
