import type { Header } from './header';

export type Protocol = 'tcp' | 'udp';

/** A named port of an instance. Without `port` the number is allocated from the worker's range. */
export interface PortRequest {
  readonly name: string;
  readonly protocol: Protocol;
  /** A fixed number: only one instance of the definition then fits on a worker. */
  readonly port?: number;
}

/** What a component, or a whole instance, needs of a worker. */
export interface Resources {
  readonly cpuMillicores: number;
  readonly memoryMib: number;
  readonly storageMib: number;
}

/** When a component counts as ready. Without one it is ready once its process runs. */
export type Readiness = (
  | { readonly kind: 'http'; readonly port: string; readonly path: string; readonly status: number }
  | { readonly kind: 'tcp'; readonly port: string }
) & {
  readonly intervalMs: number;
  /** How long the component has, from its start, to become ready. */
  readonly timeoutMs: number;
};

export interface StopPolicy {
  readonly signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGHUP';
  /** After this long without an exit the component is killed. */
  readonly graceMs: number;
}

/** `process` runs a command on the host; `noop` runs nothing and is at once what it is told to be. */
export type RuntimeName = 'process' | 'noop';

export interface Component {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ports: readonly PortRequest[];
  readonly resources: Resources;
  readonly readiness?: Readiness;
  readonly stop: StopPolicy;
}

/** Which workers may hold an instance: every label must be there with that value. */
export interface Constraints {
  readonly labels: Readonly<Record<string, string>>;
}

export interface RestartPolicy {
  /** What to do when a running component ends: `on-failure` restarts non-zero exits and lost processes. */
  readonly policy: 'always' | 'on-failure' | 'never';
}

/** Bounded attempts of a failing step, with exponential backoff between them. */
export interface RetryPolicy {
  readonly attemptsMax: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly factor: number;
}

/** A file that a definition is made from, under the artifacts directory of the API's host. */
export interface ArtifactReference {
  /** `file:` URI, relative to the artifacts directory. */
  readonly uri: string;
  /** What the file is; `cml` is a Cisco Modeling Labs 2.x topology. */
  readonly format: 'cml' | 'text';
  /** Where the rendered copy is put in the instance's directory. */
  readonly path: string;
  /** Lower-case hex; given by the author to refuse another file, else what was found. */
  readonly sha256?: string;
}

/**
 * The body of a definition version after validation, with all defaults filled in. Immutable.
 * Stored in MongoDB under the hash of its canonical JSON.
 */
export interface DefinitionBody {
  readonly schemaVersion: 1;
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly components: readonly Component[];
  /** Ports of the instance as a whole, beside those of its components: the port template. */
  readonly ports: readonly PortRequest[];
  /** Path → text with `${PORT_NAME}` placeholders, written into the instance's directory. */
  readonly files: Readonly<Record<string, string>>;
  readonly artifact?: ArtifactReference;
  readonly constraints: Constraints;
  /** Counted from the first RUNNING; the instance then stops. */
  readonly maxDurationMs?: number;
  readonly restart: RestartPolicy;
  readonly retry: RetryPolicy;
}

export type DefinitionPhase = 'PENDING_SYNC' | 'ACTIVE' | 'DEPRECATED' | 'DELETED';

/** Head of a definition version, key `definitions/{id}/spec`. Never changes but for labels. */
export interface DefinitionSpec extends Header {
  readonly kind: 'Definition';
  readonly name: string;
  readonly version: string;
  readonly contentHash: string;
  readonly artifact?: ArtifactReference;
  /** Its owner's quota was charged for it, and is given it back when it is deleted. */
  readonly charged?: true;
}

/** What was learnt from an artifact when it was fetched. */
export interface ArtifactFacts {
  readonly sha256: string;
  readonly bytes: number;
  /** Devices of a topology (not hosts). */
  readonly nodeCount: number;
  readonly ports: readonly PortRequest[];
}

/** Key `definitions/{id}/state`. */
export interface DefinitionStatus {
  readonly schemaVersion: number;
  readonly sequence: number;
  readonly phase: DefinitionPhase;
  readonly message: string;
  readonly observedGeneration: number;
  readonly artifact?: ArtifactFacts;
  readonly updatedAt: string;
}
