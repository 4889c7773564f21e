import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRunDirectory } from '../src/processes/embedded/run-directory';
import type { Stack } from '../src/processes/stack';
import { startStack } from '../src/processes/stack';
import { EtcdClient } from '../src/stores/etcd/client';
import { Committer } from '../src/stores/etcd/committer';
import { keys } from '../src/stores/etcd/keys';
import { StoreMaintenance } from '../src/stores/etcd/maintenance';
import { allocationOf, newInstance, observationOf, withStatus } from '../test/support/domain-objects';
import type { Figure } from './figures';
import { median, quantile, rate, timed } from './figures';
import { withoutLimits } from '../test/support/without-limits';

/** `BERTH_BENCH_INSTANCES` shortens it. */
const many = Number(process.env['BERTH_BENCH_INSTANCES'] ?? 10_000);
const sizes = [0, many / 10, many];
const inFlight = 32;
const readsPerRound = 200;
const rounds = 5;
const settleMs = 3_000;

/** What instances cost at rest, and what a filtered list of many of them costs beside a call that does nothing. */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const stack = await startStack({ directory: directory.path, report, artifactsDirectory: directory.path, environment: withoutLimits, processes: { control: 0 } });
  const client = new EtcdClient({ endpoints: [stack.servers.etcd], prefix: '/ccm/' });
  try {
    return await measure(stack, client, report);
  } finally {
    client.close();
    await stack.stop();
    directory.remove();
  }
}

async function measure(stack: Stack, client: EtcdClient, report: (line: string) => void): Promise<Figure[]> {
  const committer = new Committer(client, () => 1);
  const store = new StoreMaintenance(client);
  const weights: Array<{ readonly count: number; readonly apiMib: number; readonly etcdBytes: number }> = [];
  let made = 0;
  for (const count of sizes) {
    report(`${count} instances`);
    const before = made;
    await rate(count - before, inFlight, (index) => putRunning(committer, `i-${before + index}`, before + index));
    made = count;
    await store.compact((await store.usage()).revision);
    await store.defragment();
    // A process that starts now holds what it must, and not what came with the making.
    await stack.children.api[0]!.stop();
    const api = await stack.startApi(0);
    await sleep(settleMs);
    weights.push({ count, apiMib: residentMib(api.pid), etcdBytes: (await store.usage()).usedBytes });
  }
  const [none, few, all] = weights as [(typeof weights)[number], (typeof weights)[number], (typeof weights)[number]];
  report('lists');
  const { list, health } = await reads(stack.apis[0]!, stack.token);
  return [
    ...weights.map(({ count, apiMib }): Figure => ({ name: `resident memory of api, ${count} instances`, value: apiMib, unit: 'MiB' })),
    { name: `api memory per instance, at ${few.count}`, value: ((few.apiMib - none.apiMib) * 1024) / few.count, unit: 'KiB' },
    { name: `api memory per instance, at ${all.count}`, value: ((all.apiMib - none.apiMib) * 1024) / all.count, unit: 'KiB' },
    { name: `etcd bytes per instance, at ${all.count}`, value: (all.etcdBytes - none.etcdBytes) / all.count / 1024, unit: 'KiB', note: 'compacted and defragmented' },
    { name: 'list of 100 by label and phase, p50', value: median(list.p50), unit: 'ms' },
    { name: 'list of 100 by label and phase, p99', value: median(list.p99), unit: 'ms' },
    { name: 'health, p99', value: median(health.p99), unit: 'ms' },
    { name: 'list p99 / health p99', value: median(list.p99) / median(health.p99), unit: '', asked: '<= 10' },
  ];
}

/** An instance as it is while it runs: all of its keys, and its entry in the plan. */
async function putRunning(committer: Committer, id: string, number: number): Promise<void> {
  const created = newInstance({ labels: { zone: number % 2 === 0 ? 'a' : 'b', 'team.example/name': `team-${number % 100}` } }, id);
  const view = withStatus(created, { phase: 'RUNNING', message: 'running', attempt: 1, undo: [{ step: 'start', undo: 'remove', attempt: 1 }] });
  const allocation = allocationOf(view, `a-${number}`, `w-${number % 100}`);
  const plan = { schemaVersion: 1, allocationId: allocation.allocationId, instanceId: id, attempt: 1, wanted: 'running', workloadHash: 'f'.repeat(64) };
  const puts = [
    { key: keys.instanceSpec(id), value: view.spec },
    { key: keys.instanceStatus(id), value: view.status },
    { key: keys.instanceAllocation(id), value: allocation },
    { key: keys.instanceObserved(id), value: observationOf(view, 'running', { allocationId: allocation.allocationId, components: { main: { state: 'ready' } } }) },
    { key: keys.planEntry(allocation.workerId, allocation.allocationId), value: plan },
  ];
  await committer.commit({ id: `bench/${id}`, compares: puts.map(({ key }) => ({ key, revision: 0 })), puts, deletes: [], events: [] });
}

interface Samples {
  readonly p50: number[];
  readonly p99: number[];
}

/** In turns, so that whatever else happens on the machine falls on both. */
async function reads(url: string, token: string): Promise<{ list: Samples; health: Samples }> {
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  };
  const list = () => get('/api/v1/instances?limit=100&phase=RUNNING&label=zone=a');
  const health = () => get('/health');
  const samples = { list: { p50: [], p99: [] } as Samples, health: { p50: [], p99: [] } as Samples };
  for (let warm = 0; warm < readsPerRound; warm++) await Promise.all([list(), health()]);
  for (let round = 0; round < rounds; round++) {
    const taken = { list: [] as number[], health: [] as number[] };
    for (let n = 0; n < readsPerRound; n++) {
      taken.health.push(await timed(health));
      taken.list.push(await timed(list));
    }
    for (const name of ['list', 'health'] as const) {
      samples[name].p50.push(median(taken[name]));
      samples[name].p99.push(quantile(taken[name], 0.99));
    }
  }
  return samples;
}

function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
