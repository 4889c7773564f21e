import { adoptedProcessPollMs, componentLogCheckIntervalMs } from '../../domain/limits';
import { ComponentLog } from './component-log';
import { logFile } from './host-directory';
import { endGroup, reapInstance } from './process-group';
import { ProcessRecords } from './process-records';
import { isAlive, type ProcessIdentity } from './process-table';
import { waitUntilReady } from './readiness';
import { RuntimeFailure, type ComponentExit, type ComponentRequest, type RunningComponent, type Runtime } from './runtime';
import { spawnDetached, type Ending } from './spawn-detached';

/**
 * Runs a component as a process of the host, leading a process group of its own. It does not depend on the agent:
 * its output goes to a file, and after the agent's restart it is found by pid and start time.
 */
export class ProcessRuntime implements Runtime {
  readonly name = 'process';
  readonly usesHost = true;
  private readonly records: ProcessRecords;

  constructor(private readonly agentDirectory: string) {
    this.records = new ProcessRecords(agentDirectory);
  }

  async start(request: ComponentRequest): Promise<RunningComponent> {
    const { component, directory, instanceId, attempt } = request;
    const log = new ComponentLog(logFile(directory, component.name));
    const { identity, ending } = await spawnDetached(request, log.begin(), (started) => {
      this.records.write(instanceId, { ...started, component: component.name, attempt });
    });
    return new ProcessComponent(request, identity, log, this.records, ending);
  }

  async adopt(request: ComponentRequest): Promise<RunningComponent | undefined> {
    const record = this.records.read(request.instanceId, request.component.name);
    if (!record || record.attempt !== request.attempt || !isAlive(record)) return undefined;
    const log = new ComponentLog(logFile(request.directory, request.component.name));
    return new ProcessComponent(request, record, log, this.records, endOfStranger(record));
  }

  reap(instanceId: string): Promise<void> {
    return reapInstance(this.agentDirectory, instanceId);
  }
}

class ProcessComponent implements RunningComponent {
  readonly name: string;
  readonly ended: Promise<ComponentExit>;
  private stopping: Promise<void> | undefined;

  constructor(
    private readonly request: ComponentRequest,
    private readonly leader: ProcessIdentity,
    log: ComponentLog,
    private readonly records: ProcessRecords,
    ending: Promise<Ending>,
  ) {
    this.name = request.component.name;
    // A log that cannot be looked at has been removed by the instance; nothing is to be bounded then.
    const bounding = setInterval(() => void log.bound().catch(() => undefined), componentLogCheckIntervalMs).unref();
    this.ended = ending.then((exit) => {
      clearInterval(bounding);
      return { ...exit, output: log.tail() };
    });
  }

  async ready(signal: AbortSignal): Promise<void> {
    const { component, ports, address } = this.request;
    const { readiness } = component;
    if (!readiness) return;
    const port = ports[readiness.port];
    if (port === undefined) {
      throw new RuntimeFailure('configuration', 'UnknownPort', `readiness of "${this.name}" names no port of the instance: "${readiness.port}"`);
    }
    await waitUntilReady({ component: this.name, readiness, address, port }, signal);
  }

  stop(): Promise<void> {
    this.stopping ??= this.end().catch((error: unknown) => {
      this.stopping = undefined;
      throw error;
    });
    return this.stopping;
  }

  /** Also after the main process ended by itself: it may have left others in its group. */
  private async end(): Promise<void> {
    await endGroup(this.leader, this.request.component.stop);
    this.records.remove(this.request.instanceId, this.name);
  }
}

/** The end of a process that is not our child is not announced, and how it ended is not told. */
function endOfStranger(identity: ProcessIdentity): Promise<Ending> {
  return new Promise((resolve) => {
    const poll = setInterval(() => {
      if (isAlive(identity)) return;
      clearInterval(poll);
      resolve({});
    }, adoptedProcessPollMs).unref();
  });
}
