import type { FailureClass } from '../../domain/plan';
import type { RuntimeName } from '../../domain/definition';
import type { WorkloadComponent } from '../../domain/workload';

/** One component of one attempt, and where it is to run. */
export interface ComponentRequest {
  readonly instanceId: string;
  readonly attempt: number;
  readonly component: WorkloadComponent;
  /** Port name → number on the host. */
  readonly ports: Readonly<Record<string, number>>;
  /** Address at which the ports are reached. */
  readonly address: string;
  /** The instance's directory, where the component runs. */
  readonly directory: string;
}

/** How a component ended; neither code nor signal is known of a process that another agent had started. */
export interface ComponentExit {
  readonly exitCode?: number;
  readonly signal?: string;
  /** The last lines that it wrote. */
  readonly output: string;
}

/** A component that was started, or found running, and may have ended since. */
export interface RunningComponent {
  readonly name: string;
  /** Resolves when its main process has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<ComponentExit>;
  /** Resolves once it is ready; rejects with a RuntimeFailure, or with the signal's reason. Its end is not noticed here. */
  ready(signal: AbortSignal): Promise<void>;
  /** Resolves once nothing of it runs any more. May be repeated. */
  stop(): Promise<void>;
}

/** What runs components on a host. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Whether its components need the instance's directory with its files, and its ports free on the host. */
  readonly usesHost: boolean;
  /** Starts a component. Rejects with a RuntimeFailure, and then nothing of it runs. */
  start(request: ComponentRequest): Promise<RunningComponent>;
  /** Finds a component that a former agent process started in the same attempt; undefined if it runs no more. */
  adopt(request: ComponentRequest): Promise<RunningComponent | undefined>;
  /** Ends whatever was started for an instance and is not held by a RunningComponent. */
  reap(instanceId: string): Promise<void>;
}

/** A component, or what it needs, is not as it should be: reported as the reason why an attempt failed. */
export class RuntimeFailure extends Error {
  constructor(
    readonly failureClass: FailureClass,
    readonly reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RuntimeFailure';
  }
}
