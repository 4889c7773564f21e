import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Agent, type AgentOptions } from '../../src/agent/agent';
import type { WorkloadComponent, Workload } from '../../src/domain/workload';
import { reapAllInstances } from '../../src/drivers/runtimes/process-group';
import { freePorts } from '../../src/processes/embedded/probes';
import { FakeControlPlane } from '../support/fake-control-plane';

jest.setTimeout(30_000);

/** A fake control plane and whatever agents a test starts against it, with everything gone at the end. */
export class Harness {
  private readonly agents = new Set<Agent>();
  private readonly children = new Set<ChildProcess>();

  private constructor(
    readonly controlPlane: FakeControlPlane,
    readonly directory: string,
  ) {}

  static async start(): Promise<Harness> {
    return new Harness(await FakeControlPlane.start(), await mkdtemp(path.join(os.tmpdir(), 'berth-agent-')));
  }

  async startAgent(options: Partial<AgentOptions> = {}): Promise<Agent> {
    const agent = new Agent({ ...this.config, ...options });
    this.agents.add(agent);
    await agent.start();
    return agent;
  }

  async stopAgent(agent: Agent, instances: 'leave' | 'stop'): Promise<void> {
    this.agents.delete(agent);
    await agent.stop({ instances });
  }

  /** The agent as it is deployed: a process. */
  startAgentProcess(): ChildProcess {
    const file = path.join(this.directory, '..', `${path.basename(this.directory)}.config.json`);
    writeFileSync(file, JSON.stringify(this.config), { mode: 0o600 });
    const entry = path.join(__dirname, '../../src/processes/agent.ts');
    const child = spawn(process.execPath, [...sourceArguments, entry, '--config', file], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.children.add(child);
    return child;
  }

  async end(): Promise<void> {
    for (const child of this.children) await killed(child, 'SIGKILL');
    for (const agent of this.agents) await agent.stop({ instances: 'stop' });
    await this.controlPlane.close();
    await reapAllInstances(this.directory);
    await rm(this.directory, { recursive: true, force: true });
    await rm(`${this.directory}.config.json`, { force: true });
  }

  instanceDirectory(workload: Workload): string {
    return path.join(this.directory, 'instances', workload.instanceId);
  }

  private get config(): AgentOptions {
    const { url: api, workerId, token } = this.controlPlane;
    // A busy machine makes any start slow; tests that are about slow starts say so.
    const startingObservedAfterMs = 60_000;
    const portRange = { from: 1024, to: 65_535 };
    return { api, workerId, token, directory: this.directory, address: '127.0.0.1', portRange, startingObservedAfterMs };
  }
}

/** For node, to run the sources. */
export const sourceArguments: readonly string[] = ['--require', require.resolve('tsx/cjs')];

/** Ends a child process and waits for its end. */
export async function killed(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await exit;
}

let instances = 0;

/** A workload of one component `main`, or of several. */
export function workloadOf(component: Partial<WorkloadComponent>, rest: Partial<Workload> = {}): Workload {
  instances += 1;
  return {
    schemaVersion: 1,
    instanceId: `instance-${instances}`,
    definition: { name: 'test', version: '1.0.0' },
    components: [componentOf('main', component)],
    ports: {},
    files: {},
    ...rest,
  };
}

export function componentOf(name: string, component: Partial<WorkloadComponent>): WorkloadComponent {
  return {
    name,
    runtime: 'process',
    command: ['sleep', '600'],
    environment: {},
    resources: { cpuMillicores: 1, memoryMib: 1, storageMib: 1 },
    stop: { signal: 'SIGTERM', graceMs: 2_000 },
    ...component,
  };
}

/** Runs a piece of JavaScript in a process of its own. */
export function script(source: string): readonly string[] {
  return [process.execPath, '-e', source];
}

/** Answers over HTTP, at the port in its environment, after a while. */
export const serverSource = `
  setTimeout(() => require('node:http').createServer((request, response) => response.end('hello from ' + process.cwd()))
    .listen(process.env.PORT, '127.0.0.1'), Number(process.env.DELAY_MS ?? 0));`;

/** An HTTP server with a readiness probe on its port. */
export function serverOf(port: number, options: { delayMs?: number; timeoutMs?: number; files?: Workload['files'] } = {}): Workload {
  const { delayMs = 0, timeoutMs = 10_000, files = {} } = options;
  return workloadOf(
    {
      command: script(serverSource),
      environment: { PORT: String(port), DELAY_MS: String(delayMs) },
      readiness: { kind: 'http', port: 'http', path: '/', status: 200, intervalMs: 100, timeoutMs },
    },
    { ports: { http: port }, files },
  );
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** The process of an instance's component, as the agent recorded it. */
export function recordedPid(directory: string, instanceId: string, component = 'main'): number | undefined {
  const file = path.join(directory, 'processes', instanceId, `${component}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid : undefined;
}

/** Whether a process runs; one that has ended and waits to be collected does not. */
export function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits for a condition that nobody announces. */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
