import os from 'node:os';
import { pino, type Logger } from 'pino';
import { hostPortsScanIntervalMs, planStreamSilenceMsMax, startingObservedAfterMs } from '../domain/limits';
import type { PlanFrame, RegisterRequest } from '../domain/plan';
import { mergePlan, planViewOf, type PlanView } from '../domain/plan-merge';
import { NoopRuntime } from '../drivers/runtimes/noop-runtime';
import { ProcessRuntime } from '../drivers/runtimes/process-runtime';
import type { Runtime } from '../drivers/runtimes/runtime';
import { AgentStore } from './agent-store';
import { Allocation, type AllocationHost } from './allocation';
import type { AgentConfig } from './config';
import { ControlPlane } from './control-plane';
import { listeningPorts } from './host-ports';
import { ObservationOutbox, type ReportedObservation } from './observations';
import { Ownership } from './ownership';
import { PlanFollower } from './plan-follower';
import { Registration } from './registration';
import { agentVersion } from './version';
import { Workloads } from './workloads';

export interface AgentOptions extends AgentConfig {
  readonly logger?: Logger;
  /** Instead of the process and the noop runtime. */
  readonly runtimes?: readonly Runtime[];
  readonly planStreamSilenceMsMax?: number;
  readonly hostPortsScanIntervalMs?: number;
  readonly startingObservedAfterMs?: number;
}

/** What becomes of running instances when their agent stops: they go on and the next agent adopts them, or they are stopped. */
export interface AgentStopOptions {
  readonly instances: 'leave' | 'stop';
}

/** A host's voice and hand: it hears the plan, acts on it, and tells what it sees. */
export class Agent {
  private readonly logger: Logger;
  private readonly store: AgentStore;
  private readonly controlPlane: ControlPlane;
  private readonly outbox: ObservationOutbox;
  private readonly registration: Registration;
  private readonly follower: PlanFollower;
  private readonly host: AllocationHost;
  private readonly allocations = new Map<string, Allocation>();
  private view: PlanView = planViewOf([]);
  private readonly version = agentVersion();
  private readonly stopped = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();
  private scan: NodeJS.Timeout | undefined;
  /** As the control plane knows it. */
  private toldHostPorts = '';

  constructor(private readonly options: AgentOptions) {
    this.logger = options.logger ?? pino({ enabled: false });
    this.store = new AgentStore(options.directory);
    this.controlPlane = new ControlPlane(options);
    const { controlPlane } = this;
    this.outbox = new ObservationOutbox(controlPlane, this.logger, (observation) => this.giveUp(observation));
    this.registration = new Registration(controlPlane, () => this.registerRequest(), (told) => this.registered(told), this.logger);
    this.follower = new PlanFollower(
      controlPlane,
      options.planStreamSilenceMsMax ?? planStreamSilenceMsMax,
      () => this.outbox.hurry(),
      (frame) => this.hear(frame),
      this.logger,
    );
    const runtimes = options.runtimes ?? [new ProcessRuntime(options.directory), new NoopRuntime()];
    this.host = {
      runtimes: new Map(runtimes.map((runtime) => [runtime.name, runtime])),
      address: options.address,
      store: this.store,
      workloads: new Workloads(this.store, controlPlane),
      ownership: new Ownership(),
      logger: this.logger,
      startingObservedAfterMs: options.startingObservedAfterMs ?? startingObservedAfterMs,
      report: (observation) => this.report(observation),
      forget: (allocation, hashes) => this.forget(allocation, hashes),
    };
  }

  /** Takes up what a former agent left on this host, then begins to listen. Needs no control plane to resolve. */
  async start(): Promise<void> {
    await this.store.open();
    const records = await this.store.loadRecords();
    this.view = planViewOf(records.map((record) => record.entry));
    await Promise.all(records.map((record) => this.allocationOf(record.entry.allocationId, record.entry.instanceId).recover(record)));
    await this.store.removeWorkloadsExcept(this.neededWorkloads());

    const { signal } = this.stopped;
    this.loops = Promise.all([this.registration.keep(signal), this.follower.follow(signal)]);
    this.scan = setInterval(() => this.tellHostPorts(), this.options.hostPortsScanIntervalMs ?? hostPortsScanIntervalMs);
    this.logger.info({ workerId: this.options.workerId, allocations: records.length }, 'agent started');
  }

  async stop({ instances }: AgentStopOptions): Promise<void> {
    clearInterval(this.scan);
    this.stopped.abort();
    await this.outbox.close();
    await this.loops;
    this.controlPlane.close();
    const allocations = [...this.allocations.values()];
    await Promise.all(allocations.map((allocation) => allocation.close()));
    if (instances === 'stop') await Promise.all(allocations.map((allocation) => allocation.stopInstance()));
    this.logger.info({ instances }, 'agent stopped');
  }

  private hear(frame: PlanFrame): void {
    const former = this.view;
    const { view, changed } = mergePlan(former, frame);
    this.view = view;
    const { epochs } = view;
    for (const allocationId of changed) {
      const known = view.known.get(allocationId);
      if (known?.kind === 'entry') this.allocationOf(allocationId, known.entry.instanceId).want(known.entry, epochs);
      else this.allocations.get(allocationId)?.want(undefined, epochs);
    }
    const wasTold = former.snapshot.revision !== '0';
    if (wasTold && epochs.epoch > former.epochs.epoch) this.tellAnew();
  }

  /** The store was set back: what it was told of this host may be lost with what came after the copy. */
  private tellAnew(): void {
    this.logger.warn({ epoch: this.view.epochs.epoch }, 'the control plane was restored from a copy; telling it everything again');
    this.toldHostPorts = '';
    this.tellHostPorts();
  }

  /** The allocation is no longer this worker's: as if the plan had said so. */
  private giveUp({ allocationId, planRevision }: ReportedObservation): void {
    const known = this.view.known.get(allocationId);
    // A newer entry has been heard meanwhile: the verdict was on an older one.
    if (known?.at.revision !== planRevision) return;
    this.logger.warn({ allocationId }, 'superseded: removing what runs of it');
    this.hear({ event: 'removed', data: { allocationId, ...known.at } });
  }

  private allocationOf(id: string, instanceId: string): Allocation {
    const known = this.allocations.get(id);
    if (known) return known;
    const allocation = new Allocation(this.host, id, instanceId);
    this.allocations.set(id, allocation);
    return allocation;
  }

  private async forget(allocation: Allocation, hashes: readonly string[]): Promise<void> {
    this.allocations.delete(allocation.id);
    this.outbox.forget(allocation.id);
    const needed = this.neededWorkloads();
    for (const hash of hashes) if (!needed.has(hash)) await this.store.removeWorkload(hash);
  }

  private neededWorkloads(): ReadonlySet<string> {
    return new Set([...this.allocations.values()].flatMap((allocation) => allocation.workloadHashes));
  }

  private report(observation: ReportedObservation): void {
    // The next placement must not choose the port that this one found taken.
    if (observation.failure?.reason === 'PortTaken') this.tellHostPorts();
    this.outbox.put(observation);
  }

  private tellHostPorts(): void {
    const ports = this.hostPorts();
    if (JSON.stringify(ports) === this.toldHostPorts) return;
    this.toldHostPorts = JSON.stringify(ports);
    this.outbox.putHostPorts(ports);
  }

  /** Ports of the range that are held by others than this agent's instances. */
  private hostPorts(): readonly number[] {
    const own = new Set([...this.allocations.values()].flatMap((allocation) => allocation.ports));
    return listeningPorts(this.options.portRange).filter((port) => !own.has(port));
  }

  private registerRequest(): RegisterRequest {
    return { hostname: os.hostname(), agentVersion: this.version, address: this.options.address, hostPorts: this.hostPorts() };
  }

  private registered({ hostPorts }: RegisterRequest): void {
    this.toldHostPorts = JSON.stringify(hostPorts);
    this.outbox.hurry();
  }
}
