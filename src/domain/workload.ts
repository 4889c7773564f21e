import type { Readiness, Resources, RuntimeName, StopPolicy } from './definition';

/** A component with its placeholders replaced: what a runtime is given. */
export interface WorkloadComponent {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly resources: Resources;
  /** `port` in it is still a name; resolve it by the workload's `ports`. */
  readonly readiness?: Readiness;
  readonly stop: StopPolicy;
}

/**
 * What an agent needs to run one allocation: fetched once by the hash of its canonical JSON
 * and kept beside the plan.
 */
export interface Workload {
  readonly schemaVersion: 1;
  readonly instanceId: string;
  readonly definition: { readonly name: string; readonly version: string };
  readonly components: readonly WorkloadComponent[];
  /** Port name → number on the worker. */
  readonly ports: Readonly<Record<string, number>>;
  /** Relative path → text, written into the instance's directory, every component's working directory. */
  readonly files: Readonly<Record<string, string>>;
}
