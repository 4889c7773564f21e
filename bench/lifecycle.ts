import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Etcd3 } from 'etcd3';
import { createRunDirectory } from '../src/processes/embedded/run-directory';
import type { Stack } from '../src/processes/stack';
import { startStack } from '../src/processes/stack';
import type { Figure } from './figures';
import { median, rate, timed } from './figures';
import { withoutLimits } from '../test/support/without-limits';

/** `BERTH_BENCH_ROUNDS` shortens it. */
const rounds = Number(process.env['BERTH_BENCH_ROUNDS'] ?? 5);
const alonePerRound = 20;
const perRoundInFlight = 100;
const residentInstances = 300;
const floorQueue = 'bench-floor';

/**
 * Create to RUNNING against the engine's own floor, interleaved in one run: a bare workflow of three no-op local
 * activities, started and awaited, on the same server.
 */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const stack = await startStack({ directory: directory.path, report, artifactsDirectory: directory.path, environment: withoutLimits });
  const floorWorker = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'floor-worker.ts'), stack.servers.temporal, floorQueue], { stdio: 'ignore' });
  try {
    return await measure(stack, directory.path, report);
  } finally {
    floorWorker.kill();
    await stack.stop();
    directory.remove();
  }
}

async function measure(stack: Stack, directory: string, report: (line: string) => void): Promise<Figure[]> {
  const connection = await Connection.connect({ address: stack.servers.temporal });
  const temporal = new Client({ connection });
  const bench = new Bench(stack, temporal);
  try {
    await bench.prepare();
    const idle = residentMib(stack, directory);
    report('warming up');
    await rate(20, 5, () => bench.create('noop'));
    await rate(20, 5, () => bench.floor());

    const samples = emptySamples();
    for (let round = 1; round <= rounds; round++) {
      report(`round ${round} of ${rounds}`);
      await measureRound(bench, samples);
    }
    report('real processes');
    const real = await eachOf(10, () => timed(() => bench.create('process')));
    const history = await bench.historyOfOne();
    report(`${residentInstances} instances at once`);
    await bench.terminateAll();
    await rate(residentInstances, 20, () => bench.create('noop'));
    const full = residentMib(stack, directory);
    await bench.terminateAll();
    return [...figuresOf(samples), ...historyFigures(history), { name: 'create to RUNNING, real process, alone p50', value: median(real), unit: 'ms' }, ...residentFigures(idle, full)];
  } finally {
    await connection.close();
  }
}

interface Samples {
  readonly floorAlone: number[];
  readonly createAlone: number[];
  readonly floor20: number[];
  readonly create20: number[];
  readonly floor50: number[];
  readonly create50: number[];
  readonly post: number[];
  readonly etcdTransaction: number[];
  readonly signalWithStart: number[];
}

function emptySamples(): Samples {
  return { floorAlone: [], createAlone: [], floor20: [], create20: [], floor50: [], create50: [], post: [], etcdTransaction: [], signalWithStart: [] };
}

/** How long what an answer leaves to be done (a workflow task, a whole start) may take before the next act is timed. */
const settleMs = 150;

/** An act with nothing else under way: what it leaves behind must not fall on the one that is timed next. */
async function timedAlone(act: () => Promise<unknown>): Promise<number> {
  const durationMs = await timed(act);
  await sleep(settleMs);
  return durationMs;
}

/** Ours and the floor's in turns, so that whatever else the machine does falls on both. */
async function measureRound(bench: Bench, samples: Samples): Promise<void> {
  const alone: Array<readonly [number, number]> = [];
  for (let n = 0; n < alonePerRound; n++) alone.push([await timedAlone(() => bench.floor()), await timedAlone(() => bench.create('noop'))]);
  samples.floorAlone.push(median(alone.map(([floor]) => floor)));
  samples.createAlone.push(median(alone.map(([, create]) => create)));
  await bench.terminateAll();

  const answers: Array<readonly [number, number, number]> = [];
  for (let n = 0; n < alonePerRound; n++) {
    answers.push([await timedAlone(() => bench.post()), await timedAlone(() => bench.etcdTransaction()), await timedAlone(() => bench.signalWithStart())]);
  }
  samples.post.push(median(answers.map(([post]) => post)));
  samples.etcdTransaction.push(median(answers.map(([, transaction]) => transaction)));
  samples.signalWithStart.push(median(answers.map(([, , signal]) => signal)));
  await bench.terminateAll();

  for (const inFlight of [20, 50] as const) {
    samples[`floor${inFlight}`].push(await rate(perRoundInFlight, inFlight, () => bench.floor()));
    samples[`create${inFlight}`].push(await rate(perRoundInFlight, inFlight, () => bench.create('noop')));
    await bench.terminateAll();
  }
}

function figuresOf(samples: Samples): Figure[] {
  const ratio = (one: readonly number[], other: readonly number[]) => median(one) / median(other);
  const bare = median(samples.etcdTransaction) + median(samples.signalWithStart);
  return [
    { name: 'floor alone p50', value: median(samples.floorAlone), unit: 'ms', note: 'three no-op local activities' },
    { name: 'create to RUNNING alone p50', value: median(samples.createAlone), unit: 'ms' },
    { name: 'create / floor, alone', value: ratio(samples.createAlone, samples.floorAlone), unit: 'x', asked: '<= 1.3' },
    { name: 'floor, 20 in flight', value: median(samples.floor20), unit: '/s' },
    { name: 'create to RUNNING, 20 in flight', value: median(samples.create20), unit: '/s' },
    { name: 'create / floor, 20 in flight', value: ratio(samples.create20, samples.floor20), unit: 'x', asked: '>= 0.9' },
    { name: 'floor, 50 in flight', value: median(samples.floor50), unit: '/s' },
    { name: 'create to RUNNING, 50 in flight', value: median(samples.create50), unit: '/s' },
    { name: 'create / floor, 50 in flight', value: ratio(samples.create50, samples.floor50), unit: 'x', asked: '>= 0.9' },
    { name: 'answer to POST p50', value: median(samples.post), unit: 'ms' },
    { name: 'etcd transaction + signal-with-start', value: bare, unit: 'ms' },
    { name: 'answer / both bare', value: median(samples.post) / bare, unit: 'x', asked: '<= 1.5' },
  ];
}

function historyFigures(history: { events: number; workflowTasks: number }): Figure[] {
  return [
    { name: 'workflow tasks, create to RUNNING to TERMINATED', value: history.workflowTasks, unit: 'tasks' },
    { name: 'history events, create to RUNNING to TERMINATED', value: history.events, unit: 'events' },
  ];
}

type Resident = Readonly<Record<'api' | 'control' | 'agent', number>>;

function residentFigures(idle: Resident, full: Resident): Figure[] {
  return (['api', 'control', 'agent'] as const).flatMap((process) => [
    { name: `resident memory of ${process}, idle`, value: idle[process], unit: 'MiB' },
    { name: `resident memory of ${process}, ${residentInstances} instances`, value: full[process], unit: 'MiB' },
  ]);
}

/** Resident memory in MiB, from Linux's /proc. */
function residentMib(stack: Stack, directory: string): Resident {
  const of = (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  const workers = join(directory, 'workers');
  const [worker] = readdirSync(workers);
  const agent = JSON.parse(readFileSync(join(workers, worker!, 'spawned.json'), 'utf8')) as { pid: number };
  return { api: of(stack.children.api[0]!.pid), control: of(stack.children.control[0]!.pid), agent: of(agent.pid) };
}

async function eachOf(count: number, act: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < count; n++) values.push(await act());
  return values;
}

/** The acts that are measured, each as a client would do it. */
class Bench {
  private readonly etcd: Etcd3;
  private readonly live = new Set<string>();
  private count = 0;

  constructor(
    private readonly stack: Stack,
    private readonly temporal: Client,
  ) {
    this.etcd = new Etcd3({ hosts: stack.servers.etcd });
  }

  async prepare(): Promise<void> {
    const capacity = { cpu: 1000, memory: '1000Gi', storage: '1000Gi' };
    await this.call('POST', '/worker-templates', { name: 'bench', description: '', provider: 'local', capacity, portRange: { from: 20_000, to: 29_999 }, labels: {} });
    await this.call('POST', '/workers?waitFor=RUNNING&timeout=60s', { template: 'bench', name: 'bench' });
    const component = { name: 'main', resources: { cpu: '1m', memory: '1Mi', storage: '1Mi' }, ports: [{ name: 'http' }] };
    await this.call('POST', '/definitions', { name: 'noop', version: '1.0.0', components: [{ ...component, runtime: 'noop' }] });
    await this.call('POST', '/definitions', { name: 'process', version: '1.0.0', components: [{ ...component, runtime: 'process', command: ['sleep', '600'] }] });
  }

  /** From sending the request to the answer that it runs. */
  async create(definition: 'noop' | 'process'): Promise<void> {
    const { id } = await this.call('POST', '/instances?waitFor=RUNNING&timeout=120s', { definition: { name: definition, version: '1.0.0' } });
    this.live.add(id);
  }

  /** The bare answer to the request. */
  async post(): Promise<void> {
    const { id } = await this.call('POST', '/instances', { definition: { name: 'noop', version: '1.0.0' } });
    this.live.add(id);
  }

  async floor(): Promise<void> {
    await this.temporal.workflow.execute('floor', { workflowId: `floor-${this.count++}`, taskQueue: floorQueue });
  }

  async etcdTransaction(): Promise<void> {
    const key = `bench/${this.count++}`;
    await this.etcd.if(key, 'Create', '==', 0).then(this.etcd.put(key).value('x'.repeat(1_000))).commit();
  }

  async signalWithStart(): Promise<void> {
    await this.temporal.workflow.signalWithStart('floor', { workflowId: `signalled-${this.count++}`, taskQueue: floorQueue, signal: 'nudge', signalArgs: [] });
  }

  async terminateAll(): Promise<void> {
    const ids = [...this.live];
    await rate(ids.length, 20, (index) => this.call('DELETE', `/instances/${ids[index]}?waitFor=TERMINATED&timeout=120s`));
    this.live.clear();
  }

  /** Costs of one whole life in the engine. */
  async historyOfOne(): Promise<{ events: number; workflowTasks: number }> {
    const { id } = await this.call('POST', '/instances?waitFor=RUNNING&timeout=60s', { definition: { name: 'noop', version: '1.0.0' } });
    await this.call('DELETE', `/instances/${id}?waitFor=TERMINATED&timeout=60s`);
    const handle = this.temporal.workflow.getHandle(`instance/${id}`);
    await handle.result();
    const events = (await handle.fetchHistory()).events ?? [];
    return { events: events.length, workflowTasks: events.filter((event) => event.workflowTaskCompletedEventAttributes).length };
  }

  private async call(method: string, path: string, body?: unknown): Promise<{ id: string }> {
    const response = await fetch(`${this.stack.apis[0]}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.stack.token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { id: string; detail?: string };
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${answer.detail}`);
    return answer;
  }
}
