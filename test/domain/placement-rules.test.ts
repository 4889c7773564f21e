import type { FleetWorker, PlacementRequest, ReasonCode } from '../../src/domain/placement';
import { place } from '../../src/domain/placement';
import { holding, ports, request, resources, using, worker } from './placement-fleet';

interface Row {
  readonly code: ReasonCode;
  readonly message: string;
  readonly worker?: Partial<FleetWorker>;
  readonly request?: Partial<PlacementRequest>;
  readonly everPossible: boolean;
}

const rows: readonly Row[] = [
  {
    code: 'LabelsDoNotMatch',
    message: 'has no label gpu, gpu=a100 is asked for',
    request: { constraints: { labels: { gpu: 'a100' } } },
    everPossible: false,
  },
  {
    code: 'LabelsDoNotMatch',
    message: 'has label zone=b, zone=a is asked for',
    worker: { labels: { arch: 'x86', zone: 'b' } },
    request: { constraints: { labels: { arch: 'x86', zone: 'a' } } },
    everPossible: false,
  },
  {
    code: 'LabelsDoNotMatch',
    message: 'has no label constructor, constructor=x is asked for',
    request: { constraints: { labels: { constructor: 'x' } } },
    everPossible: false,
  },
  {
    code: 'WorkerNotRunning',
    message: 'is PROVISIONING, not RUNNING',
    worker: { phase: 'PROVISIONING', online: false },
    everPossible: true,
  },
  { code: 'WorkerLeaving', message: 'is to be terminated', worker: { intent: 'terminated' }, everPossible: true },
  { code: 'WorkerPaused', message: 'is paused', worker: { paused: true }, everPossible: true },
  { code: 'WorkerOffline', message: 'is offline', worker: { online: false }, everPossible: true },
  {
    code: 'PortLedgerDamaged',
    message: 'has a damaged ledger: the port bitmap of 2000-2009 is damaged: it has 1 bytes, 2 were expected',
    worker: { ports: { schemaVersion: 1, from: 2000, to: 2009, bitmap: 'AA==' } },
    everPossible: true,
  },
  {
    code: 'NotEnoughMemory',
    message: 'needs 512 MiB of memory, 128 MiB of 4096 MiB are free',
    worker: using(resources(0, 3968, 0)),
    everPossible: true,
  },
  {
    code: 'NotEnoughMemory',
    message: 'needs 4097 MiB of memory, 4096 MiB of 4096 MiB are free',
    request: { resources: resources(0, 4097, 0) },
    everPossible: false,
  },
  {
    code: 'NotEnoughStorage',
    message: 'needs 10 MiB of storage, 9 MiB of 10000 MiB are free',
    worker: using(resources(0, 0, 9991)),
    everPossible: true,
  },
  {
    code: 'NotEnoughCpu',
    message: 'needs 100 millicores of CPU, 99 millicores of 16000 millicores are free',
    worker: using(resources(15_901, 0, 0)),
    everPossible: true,
  },
  {
    code: 'PortRequestedTwice',
    message: 'asks for port 2000 twice',
    request: { ports: ports(2000, 2000) },
    everPossible: false,
  },
  {
    code: 'PortOutOfRange',
    message: 'needs port 8080 for p0, which is not in its range 2000-2009',
    request: { ports: ports(8080) },
    everPossible: false,
  },
  {
    code: 'PortHeld',
    message: 'needs port 2003 for p0, which another allocation holds',
    worker: { ports: holding(2003) },
    request: { ports: ports(2003) },
    everPossible: true,
  },
  {
    code: 'PortHeld',
    message: 'needs port 2003 for p0, which the host itself holds',
    worker: { hostPorts: [2003] },
    request: { ports: ports(2003) },
    everPossible: true,
  },
  {
    code: 'NotEnoughPorts',
    message: 'needs 9 ports, 8 of 10 are free',
    worker: { ports: holding(2000), hostPorts: [2001] },
    request: { ports: ports(...Array<undefined>(9)) },
    everPossible: true,
  },
  {
    code: 'NotEnoughPorts',
    message: 'needs 11 ports, 10 of 10 are free',
    request: { ports: ports(...Array<undefined>(11)) },
    everPossible: false,
  },
];

describe('the rules of placement', () => {
  it.each(rows)('$code: $message', (row) => {
    const refused = place(request('i', row.request), [worker('w', row.worker)]);
    expect(refused).toEqual({
      refused: [{ workerId: 'w', code: row.code, message: row.message }],
      message: `0 of 1 workers can hold it: ${row.code} on 1`,
      everPossible: row.everPossible,
    });
  });

  it('has a row here for every code', () => {
    // The type makes the list complete; the comparison makes the rows complete. Of another org's workers nobody is told.
    const codes: Record<Exclude<ReasonCode, 'WorkerOfAnotherOrg'>, true> = {
      LabelsDoNotMatch: true,
      WorkerNotRunning: true,
      WorkerLeaving: true,
      WorkerPaused: true,
      WorkerOffline: true,
      PortLedgerDamaged: true,
      NotEnoughMemory: true,
      NotEnoughStorage: true,
      NotEnoughCpu: true,
      PortRequestedTwice: true,
      PortOutOfRange: true,
      PortHeld: true,
      NotEnoughPorts: true,
    };
    expect(new Set(rows.map((row) => row.code))).toEqual(new Set(Object.keys(codes)));
  });

  it('objects to nothing on a worker that is exactly large enough', () => {
    const exact = request('i', {
      resources: resources(16_000, 4096, 10_000),
      ports: ports(2003, ...Array<undefined>(9)),
      constraints: { labels: { zone: 'a' } },
    });
    const result = place(exact, [worker('w', { labels: { zone: 'a', gpu: 'none' } })]);
    expect(result).toMatchObject({ workerId: 'w', score: 1, ports: { p0: 2003 } });
  });
});
