import type { RuntimeName } from '../domain/definition';
import type { ComponentObservation, ObservedFailure } from '../domain/plan';
import type { Workload, WorkloadComponent } from '../domain/workload';
import { requireFreePorts } from '../drivers/runtimes/port-check';
import { RuntimeFailure, type ComponentExit, type ComponentRequest, type RunningComponent, type Runtime } from '../drivers/runtimes/runtime';
import { follow } from './cancellation';
import { writeInstanceFiles } from './instance-files';
import { observedFailure } from './observed-failure';

/** Where attempts run. */
export interface AttemptHost {
  readonly runtimes: ReadonlyMap<RuntimeName, Runtime>;
  /** Address at which the ports of instances are reached. */
  readonly address: string;
}

/** How an attempt came to its end without having been told to stop. */
export interface Ending {
  readonly state: 'exited' | 'failed';
  readonly failure?: ObservedFailure;
}

/** One attempt at running a workload in a directory: its components, how they fare, and their end. */
export class Attempt {
  /** Without the files, which are on disk once they are written. */
  readonly workload: Workload;
  private readonly files: Workload['files'];
  private readonly held: RunningComponent[] = [];
  private readonly observed = new Map<string, ComponentObservation>();
  private readonly exits = new Map<string, ComponentExit>();
  private announceExit: () => void = () => undefined;
  /** Resolves when the first component has ended by itself. */
  readonly firstExit = new Promise<void>((resolve) => {
    this.announceExit = resolve;
  });
  private isStopping = false;
  isReady = false;

  constructor(
    private readonly host: AttemptHost,
    readonly number: number,
    { files, ...workload }: Workload,
    private readonly directory: string,
  ) {
    this.workload = { ...workload, files: {} };
    this.files = files;
  }

  get components(): Readonly<Record<string, ComponentObservation>> {
    return Object.fromEntries(this.observed);
  }

  /** Starts all components. Rejects with a RuntimeFailure or the signal's reason; `stop` then takes back what was started. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.usesHost) {
      await requireFreePorts(this.workload.ports);
      await writeInstanceFiles(this.directory, this.files);
    }
    for (const component of this.workload.components) {
      signal.throwIfAborted();
      this.hold(await this.runtimeOf(component).start(this.requestOf(component)));
    }
  }

  /**
   * Takes over what a former agent process left running. Answers the names of the components that run no more.
   * `wasReady`: it is not probed again, since a probe that fails now does not undo a start that was complete.
   */
  async adopt(wasReady: boolean): Promise<readonly string[]> {
    const missing: string[] = [];
    for (const component of this.workload.components) {
      const running = await this.runtimeOf(component).adopt(this.requestOf(component));
      if (running) this.hold(running);
      else missing.push(component.name);
    }
    this.isReady = wasReady;
    if (wasReady) for (const { name } of this.held) this.noteReady(name);
    return missing;
  }

  /** Waits until all components are ready. Rejects when one ended before, or is not ready in time, or when the signal says so. */
  async becomeReady(signal: AbortSignal): Promise<void> {
    const { controller: probes, release } = follow(signal);
    const tooEarly = this.firstExit.then(() => {
      throw this.failureOfExit('ExitedEarly', 'before the start was complete');
    });
    try {
      await Promise.race([Promise.all(this.held.map((component) => this.untilReady(component, probes.signal))), tooEarly]);
      signal.throwIfAborted();
      this.isReady = true;
    } finally {
      probes.abort();
      release();
    }
  }

  /** How it ended by itself; undefined while nothing has. */
  get ending(): Ending | undefined {
    if (this.exits.size === 0) return undefined;
    const exits = [...this.exits.values()];
    if (exits.length === this.workload.components.length && exits.every((exit) => exit.exitCode === 0)) return { state: 'exited' };
    return { state: 'failed', failure: observedFailure(this.failureOfExit('ComponentExited', 'while the instance was running')) };
  }

  /** Stops what runs. Resolves once nothing does; may be repeated if it rejects. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const results = await Promise.allSettled(this.held.map((component) => component.stop()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    // A component that was not held may have left processes, or may have been started without the agent living to know.
    if (this.usesHost && this.held.length < this.workload.components.length) await this.reap();
    for (const { name } of this.held) if (!this.exits.has(name)) this.observed.set(name, { state: 'stopped' });
  }

  private async reap(): Promise<void> {
    for (const runtime of this.host.runtimes.values()) await runtime.reap(this.workload.instanceId);
  }

  private get usesHost(): boolean {
    return this.workload.components.some(({ runtime }) => this.host.runtimes.get(runtime)?.usesHost);
  }

  private hold(component: RunningComponent): void {
    this.held.push(component);
    this.observed.set(component.name, { state: 'starting' });
    void component.ended.then((exit) => this.noteExit(component.name, exit));
  }

  private async untilReady(component: RunningComponent, signal: AbortSignal): Promise<void> {
    await component.ready(signal);
    this.noteReady(component.name);
  }

  private noteReady(component: string): void {
    const isProbed = this.workload.components.some(({ name, readiness }) => name === component && readiness);
    if (!this.exits.has(component)) this.observed.set(component, { state: isProbed ? 'ready' : 'running' });
  }

  private noteExit(name: string, exit: ComponentExit): void {
    if (this.isStopping) return;
    const { exitCode, signal } = exit;
    this.exits.set(name, exit);
    this.observed.set(name, {
      state: exitCode === 0 ? 'exited' : 'failed',
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
    });
    this.announceExit();
  }

  /** The first component that ended badly is to blame, or else the first that ended. */
  private failureOfExit(reason: string, when: string): RuntimeFailure {
    const exits = [...this.exits];
    const [name, exit] = exits.find(([, { exitCode }]) => exitCode !== 0) ?? exits[0]!;
    const output = exit.output === '' ? '' : `; it last wrote: ${exit.output}`;
    return new RuntimeFailure('transient', reason, `component "${name}" ended ${when}: ${describe(exit)}${output}`);
  }

  private runtimeOf(component: WorkloadComponent): Runtime {
    const runtime = this.host.runtimes.get(component.runtime);
    if (runtime) return runtime;
    throw new RuntimeFailure('configuration', 'UnknownRuntime', `component "${component.name}": this host has no runtime "${component.runtime}"`);
  }

  private requestOf(component: WorkloadComponent): ComponentRequest {
    const { instanceId, ports } = this.workload;
    return { instanceId, attempt: this.number, component, ports, address: this.host.address, directory: this.directory };
  }
}

function describe({ exitCode, signal }: ComponentExit): string {
  if (exitCode !== undefined) return `exit code ${exitCode}`;
  return signal === undefined ? 'how is not known, since another agent process had started it' : `signal ${signal}`;
}
