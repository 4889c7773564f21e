import { emptyCapacity } from '../src/domain/capacity';
import type { FleetWorker, PlacementRequest } from '../src/domain/placement';
import { place, placeAll } from '../src/domain/placement';
import { emptyPorts } from '../src/domain/ports';
import type { Figure } from './figures';
import { median } from './figures';

const rounds = 11;

/** Planning alone: no store, no queue. Each round plans on a fleet that it sees for the first time. */
export async function run(): Promise<Figure[]> {
  return [
    measured('placement, 100 requests on 100 workers', 100, placeAll, '<= 100'),
    measured('placement, 1000 requests on 100 workers', 1000, placeAll, '<= 5000'),
    measured('placement, 1000 requests refused by 100 workers', 1000, (requests, fleet) =>
      placeAll(requests.map((request) => ({ ...request, constraints: { labels: { zone: 'none' } } })), fleet),
    ),
    measured('placement, 1 request on 100 workers', 1, ([request], fleet) => place(request!, fleet)),
  ];
}

function measured(
  name: string,
  requestCount: number,
  plan: (requests: readonly PlacementRequest[], fleet: readonly FleetWorker[]) => unknown,
  asked?: string,
): Figure {
  const requests = Array.from({ length: requestCount }, (_, index) => requestOf(index));
  const durationsMs = Array.from({ length: rounds }, () => {
    const fleet = Array.from({ length: 100 }, (_, index) => workerOf(index));
    const startMs = performance.now();
    plan(requests, fleet);
    return performance.now() - startMs;
  });
  const worst = Math.max(...durationsMs).toFixed(1);
  const figure = { name, value: median(durationsMs), unit: 'ms', note: `median of ${rounds} rounds, worst ${worst} ms` };
  return asked === undefined ? figure : { ...figure, asked };
}

function requestOf(index: number): PlacementRequest {
  return {
    instanceId: `instance-${index}`,
    org: 'default',
    resources: { cpuMillicores: 250, memoryMib: 256 + (index % 4) * 128, storageMib: 1024 },
    ports: [
      { name: 'http', protocol: 'tcp' },
      { name: 'console', protocol: 'tcp' },
      { name: 'metrics', protocol: 'tcp' },
    ],
    constraints: { labels: index % 2 === 0 ? {} : { zone: `zone-${index % 3}` } },
    priority: index % 3,
    createdAt: new Date(index * 1000).toISOString(),
  };
}

function workerOf(index: number): FleetWorker {
  return {
    id: `worker-${String(index).padStart(3, '0')}`,
    org: 'platform',
    phase: 'RUNNING',
    intent: 'running',
    paused: false,
    labels: { zone: `zone-${index % 3}` },
    online: true,
    capacity: emptyCapacity({ cpuMillicores: 4000, memoryMib: 8192, storageMib: 100_000 }),
    cpuRatio: 4,
    // As it comes from the store: its bitmap not decoded yet.
    ports: structuredClone(emptyPorts({ from: 2000, to: 9999 })),
    hostPorts: [2049, 5432, 8080],
  };
}
