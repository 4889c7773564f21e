import type { Logger } from 'pino';
import type { RegisterRequest, RegisterResponse } from '../domain/plan';
import { Backoff, sleep } from './cancellation';
import { ControlPlaneRefusal, type ControlPlane } from './control-plane';

/** Keeps the agent registered: a lease, renewed by heartbeats, taken anew when it was lost. */
export class Registration {
  constructor(
    private readonly controlPlane: Pick<ControlPlane, 'register' | 'heartbeat'>,
    private readonly request: () => RegisterRequest,
    private readonly onRegistered: (request: RegisterRequest) => void,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lease = await this.register(signal);
      if (lease) await this.renew(lease, signal);
    }
  }

  private async register(signal: AbortSignal): Promise<RegisterResponse | undefined> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      const request = this.request();
      try {
        const lease = await this.controlPlane.register(request, signal);
        this.logger.info({ leaseId: lease.leaseId }, 'registered');
        this.onRegistered(request);
        return lease;
      } catch (error) {
        if (signal.aborted) break;
        this.logger.warn({ err: error }, 'could not register; trying again');
        await sleep(backoff.next(), signal);
      }
    }
    return undefined;
  }

  /** Returns when the lease is lost. While the control plane does not answer, it may still be alive. */
  private async renew({ leaseId, heartbeatIntervalMs }: RegisterResponse, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    let waitMs = heartbeatIntervalMs;
    while (!signal.aborted) {
      await sleep(waitMs, signal);
      if (signal.aborted) return;
      try {
        await this.controlPlane.heartbeat({ leaseId }, signal);
        backoff.reset();
        waitMs = heartbeatIntervalMs;
      } catch (error) {
        if (signal.aborted) return;
        this.logger.warn({ err: error }, 'heartbeat failed');
        if (error instanceof ControlPlaneRefusal && error.status === 404) return;
        waitMs = Math.min(heartbeatIntervalMs, backoff.next());
      }
    }
  }
}
