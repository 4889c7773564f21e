import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRunDirectory } from '../src/processes/embedded/run-directory';
import type { Stack } from '../src/processes/stack';
import { startStack } from '../src/processes/stack';
import { EtcdClient } from '../src/stores/etcd/client';
import { Committer } from '../src/stores/etcd/committer';
import { keys } from '../src/stores/etcd/keys';
import { newInstance } from '../test/support/domain-objects';
import type { Figure } from './figures';
import { quantile } from './figures';
import type { ConsumersReport } from './stream-consumers';
import { withoutLimits } from '../test/support/without-limits';

const aloneCount = 500;
const alonePauseMs = 10;
const consumersCount = 500;
const ratePerSecond = 40;
/** `BERTH_BENCH_SECONDS` shortens it. */
const steadySeconds = Number(process.env['BERTH_BENCH_SECONDS'] ?? 300);
const kneeStepSeconds = 8;
const kneeRateMax = 1_280;
/** Beyond this the readers are no longer served in time. */
const kneeLatencyMs = 1_000;

/**
 * The change stream of one api process, with a projector at work behind it: the way of one commit to one reader against
 * a bare watch of etcd; many readers for a long time; and the rate at which they are no longer served in time.
 */
export async function run(report: (line: string) => void): Promise<Figure[]> {
  const directory = await createRunDirectory('bench', report);
  const stack = await startStack({ directory: directory.path, report, artifactsDirectory: directory.path, environment: withoutLimits });
  const client = new EtcdClient({ endpoints: [stack.servers.etcd], prefix: '/ccm/' });
  const bench = new StreamBench(stack, client, report);
  try {
    await bench.alone(50); // Warms up.
    const alone = await bench.alone(aloneCount);
    return [...alone, ...(await bench.many())];
  } finally {
    client.close();
    await stack.stop();
    directory.remove();
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** What a process has used so far. */
interface Usage {
  readonly residentMib: number;
  readonly cpuSeconds: number;
}

function usageOf(pid: number): Usage {
  const residentKib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return { residentMib: residentKib / 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
}

function cpuPercent(before: Usage, after: Usage, seconds: number): string {
  return ((100 * (after.cpuSeconds - before.cpuSeconds)) / seconds).toFixed(0);
}

class StreamBench {
  private number = 0;
  /** Commits that the many readers did not see, for they were not there yet. */
  private numberBefore = 0;
  private readonly committer: Committer;
  private readonly filler = newInstance();

  constructor(
    private readonly stack: Stack,
    private readonly client: EtcdClient,
    private readonly report: (line: string) => void,
  ) {
    this.committer = new Committer(client, () => 1);
  }

  /** One event as large as those of instances, of an object of its own, so that nothing but the outbox grows. */
  private async commit(): Promise<void> {
    const number = ++this.number;
    const { spec, status } = this.filler;
    const subject = `bench-${number}`;
    const data = { benchAtMs: nowMs(), spec, status };
    const event = { type: 'berth.definition.created', schemaVersion: 2, org: 'default', project: 'default', kind: 'Definition' as const, subject, sequence: 1, time: spec.createdAt, cause: spec.cause, data };
    await this.committer.commit({ id: `bench/${number}`, compares: [], puts: [], deletes: [], events: [event] });
  }

  /** Commits one by one, each heard by a bare watch and by one reader. */
  async alone(count: number): Promise<Figure[]> {
    const byWatch: number[] = [];
    const byStream: number[] = [];
    const watcher = await this.client.raw.watch().prefix(`${this.client.prefix}${keys.outboxPrefix}bench/`).only('put').create();
    watcher.on('put', ({ value }) => byWatch.push(nowMs() - atMsOf(value.toString())));
    const request = http.get(`${this.stack.apis[0]!}/api/v1/events`, { headers: { accept: 'text/event-stream', authorization: `Bearer ${this.stack.token}` } }, (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => {
        for (const frame of piece.split('event: change').slice(1)) byStream.push(nowMs() - atMsOf(frame));
      });
    });
    await sleep(500);
    for (let n = 0; n < count; n++) {
      await this.commit();
      await sleep(alonePauseMs);
    }
    await sleep(500);
    await watcher.cancel();
    request.destroy();
    const ratio = quantile(byStream, 0.5) / quantile(byWatch, 0.5);
    return [
      { name: 'commit to bare watch, p50', value: quantile(byWatch, 0.5), unit: 'ms', note: `p99 ${quantile(byWatch, 0.99).toFixed(1)} ms, ${byWatch.length} of ${count} commits` },
      { name: 'commit to one reader, p50', value: quantile(byStream, 0.5), unit: 'ms', note: `p99 ${quantile(byStream, 0.99).toFixed(1)} ms, ${byStream.length} of ${count} commits` },
      { name: 'one reader to bare watch, p50', value: ratio, unit: '×', asked: '<= 3' },
    ];
  }

  /** Many readers at a steady rate, and then faster and faster. */
  async many(): Promise<Figure[]> {
    const consumers = new Consumers(this.stack.apis[0]!, this.stack.token, consumersCount);
    try {
      await consumers.opened();
      this.numberBefore = this.number;
      const steady = await this.steady(consumers);
      return [...steady, ...(await this.knee(consumers))];
    } finally {
      consumers.stop();
    }
  }

  private async steady(consumers: Consumers): Promise<Figure[]> {
    const { pid } = this.stack.children.api[0]!;
    await this.atRate(ratePerSecond, 10); // The memory of a young process has yet to find its size.
    await this.heard(consumers);
    const before = usageOf(pid);
    const from = this.number;
    consumers.reset();
    const resident: number[] = [];
    const sampling = setInterval(() => resident.push(usageOf(pid).residentMib), 1_000);
    this.report(`${consumersCount} readers, ${ratePerSecond} events/s for ${steadySeconds} s`);
    const startedAtMs = nowMs();
    await this.atRate(ratePerSecond, steadySeconds);
    const seconds = (nowMs() - startedAtMs) / 1_000;
    const after = usageOf(pid);
    clearInterval(sampling);
    await this.heard(consumers);
    const { disorder, ended, latenciesMs, heard } = consumers.since;
    const missing = consumersCount * (this.number - from) - heard;
    const quarter = Math.floor(resident.length / 4);
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const name = `${consumersCount} readers × ${ratePerSecond} events/s`;
    return [
      { name: `${name}, missing or out of order`, value: Math.abs(missing) + disorder + ended, unit: '', asked: '<= 0', note: `of ${heard} frames in ${seconds.toFixed(0)} s` },
      { name: `${name}, commit to reader p50`, value: quantile(latenciesMs, 0.5), unit: 'ms', note: `p99 ${quantile(latenciesMs, 0.99).toFixed(1)} ms` },
      { name: `${name}, api CPU`, value: (100 * (after.cpuSeconds - before.cpuSeconds)) / seconds, unit: '%', note: 'of one core' },
      { name: `${name}, resident, last quarter to first`, value: mean(resident.slice(-quarter)) / mean(resident.slice(0, quarter)), unit: '×', note: `${mean(resident.slice(0, quarter)).toFixed(0)} MiB to ${mean(resident.slice(-quarter)).toFixed(0)} MiB, at most ${Math.max(...resident).toFixed(0)} MiB` },
    ];
  }

  private async knee(consumers: Consumers): Promise<Figure[]> {
    let served = 0;
    let note = 'the highest rate that was tried';
    const { pid } = this.stack.children.api[0]!;
    for (let rate = ratePerSecond; rate <= kneeRateMax; rate *= 2) {
      consumers.reset();
      const from = this.number;
      const startedAtMs = nowMs();
      const [apiBefore, consumersBefore] = [usageOf(pid), usageOf(consumers.pid)];
      await this.atRate(rate, kneeStepSeconds);
      const seconds = (nowMs() - startedAtMs) / 1_000;
      const cpu = `CPU of api ${cpuPercent(apiBefore, usageOf(pid), seconds)} %, of readers ${cpuPercent(consumersBefore, usageOf(consumers.pid), seconds)} %`;
      const reached = (this.number - from) / seconds;
      await this.heard(consumers);
      const { latenciesMs, heard, disorder, ended } = consumers.since;
      const wrong = Math.abs(consumersCount * (this.number - from) - heard) + disorder + ended;
      const p99 = quantile(latenciesMs, 0.99);
      this.report(`${consumersCount} readers × ${rate} events/s: ${reached.toFixed(0)}/s committed, p50 ${quantile(latenciesMs, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, ${wrong} missing, out of order or ended, ${cpu}`);
      const isServed = p99 <= kneeLatencyMs && wrong === 0 && reached >= 0.9 * rate;
      note = isServed ? note : `at ${rate}/s: p99 ${p99.toFixed(0)} ms, ${reached.toFixed(0)}/s committed, ${wrong} missing, out of order or ended; ${cpu}`;
      if (!isServed) break;
      served = rate;
    }
    return [{ name: `${consumersCount} readers, highest rate with p99 below ${kneeLatencyMs} ms`, value: served, unit: '/s', note }];
  }

  private heard(consumers: Consumers): Promise<void> {
    return consumers.heardByAll(this.number - this.numberBefore);
  }

  /** So many commits a second, evenly, for so long; resolves when all are committed. */
  private async atRate(rate: number, seconds: number): Promise<void> {
    const startedAtMs = nowMs();
    const total = rate * seconds;
    const commits = new Set<Promise<void>>();
    for (let started = 0; started < total; ) {
      const due = Math.min(total, Math.floor(((nowMs() - startedAtMs) / 1_000) * rate) + 1);
      for (; started < due && commits.size < 64; started++) {
        const commit = this.commit().finally(() => commits.delete(commit));
        commits.add(commit);
      }
      await sleep(2);
    }
    await Promise.all(commits);
  }
}

function atMsOf(text: string): number {
  return Number(/"benchAtMs":([\d.]+)/.exec(text)?.[1]);
}

/** The readers' process. */
class Consumers {
  private readonly child: ChildProcess;
  private reports: ConsumersReport[] = [];
  private latest: ConsumersReport | undefined;

  constructor(
    url: string,
    token: string,
    private readonly count: number,
  ) {
    this.child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'stream-consumers.ts'), url, String(count)], {
      env: { ...process.env, BENCH_TOKEN: token },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.latest = JSON.parse(line) as ConsumersReport;
      this.reports.push(this.latest);
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  stop(): void {
    this.child.kill();
  }

  opened(): Promise<void> {
    return this.until(({ open }) => open === this.count);
  }

  /** Until every reader has heard so many events, or some time has passed. */
  async heardByAll(count: number): Promise<void> {
    await Promise.race([this.until(({ heardByAll }) => heardByAll >= count), sleep(30_000)]);
  }

  /** Forgets what was heard so far. */
  reset(): void {
    this.reports = this.latest ? [{ ...this.latest, heard: 0, latenciesMs: [] }] : [];
  }

  get since(): { disorder: number; ended: number; heard: number; latenciesMs: readonly number[] } {
    const first = this.reports[0]!;
    const last = this.reports[this.reports.length - 1]!;
    const heard = this.reports.reduce((sum, report) => sum + report.heard, 0);
    return { disorder: last.disorder - first.disorder, ended: last.ended - first.ended, heard, latenciesMs: this.reports.flatMap((report) => report.latenciesMs) };
  }

  private async until(holds: (report: ConsumersReport) => boolean): Promise<void> {
    while (!(this.latest && holds(this.latest))) await sleep(100);
  }
}
