import type { FailureClass } from '../../domain/plan';
import type { ResourceReference } from '../../domain/status';
import type { PortRange } from '../../domain/worker';

/** A worker to be made. */
export interface ProvisionRequest {
  /** Minted before the provider is asked, so that a repeated ask finds what the first one made. */
  readonly externalId: string;
  readonly workerId: string;
  /** Rises with each provisioning of the worker; a higher one replaces what a lower one made. */
  readonly attempt: number;
  /** What the worker's agent shows to the control plane. */
  readonly token: string;
  readonly portRange: PortRange;
  readonly signal: AbortSignal;
  /** Tells operators how far it has come. */
  heartbeat(detail: string): void;
}

/** What was made, for tracking. */
export interface Provisioned {
  readonly resources: Readonly<Record<string, ResourceReference>>;
}

/** What gives workers. Each act may be repeated, also after a crash half-way. */
export interface Provider {
  readonly name: string;
  /** Makes a worker and its agent, or finds what an earlier ask has made. Rejects with a ProviderError. */
  create(request: ProvisionRequest): Promise<Provisioned>;
  /** Resolves once nothing of the worker is left, instances included; also if there never was anything. */
  destroy(externalId: string, signal: AbortSignal): Promise<void>;
  /** Whether anything of the worker is there. */
  exists(externalId: string): Promise<boolean>;
}

/** A provider could not do what it was asked. */
export class ProviderError extends Error {
  constructor(
    readonly failureClass: FailureClass,
    readonly reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ProviderError';
  }
}
