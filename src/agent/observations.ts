import type { Logger } from 'pino';
import type { ObservationsRequest } from '../domain/plan';
import { failpoint } from '../failpoints';
import { observationsPerRequestMax } from '../domain/limits';
import { Backoff, sleep } from './cancellation';
import { ControlPlaneRefusal, type ControlPlane } from './control-plane';

/** One observation as an agent sends it. */
export type ReportedObservation = ObservationsRequest['observations'][number];

/**
 * What the control plane has not acknowledged yet: per allocation its latest observation, and the ports that others
 * hold. Sent at once when nothing is under way, else with the next request.
 */
export class ObservationOutbox {
  private readonly waiting = new Map<string, ReportedObservation>();
  private hostPorts: readonly number[] | undefined;
  private sending: Promise<void> | undefined;
  private readonly closed = new AbortController();
  /** Aborted, and replaced, when a wait for the next try is over early. */
  private retry = new AbortController();
  private batchMax = observationsPerRequestMax;

  constructor(
    private readonly controlPlane: Pick<ControlPlane, 'observe'>,
    private readonly logger: Logger,
    private readonly onSuperseded: (observation: ReportedObservation) => void,
  ) {}

  put(observation: ReportedObservation): void {
    this.waiting.set(observation.allocationId, observation);
    this.sending ??= this.send();
  }

  putHostPorts(ports: readonly number[]): void {
    this.hostPorts = ports;
    this.sending ??= this.send();
  }

  /** What was observed of an allocation that is over is nobody's business any more. */
  forget(allocationId: string): void {
    this.waiting.delete(allocationId);
  }

  /** Ends a wait for the next try: the control plane was just seen to answer. */
  hurry(): void {
    this.retry.abort();
    this.retry = new AbortController();
  }

  async close(): Promise<void> {
    this.closed.abort();
    this.hurry();
    await this.sending;
  }

  private async send(): Promise<void> {
    // What comes in one turn leaves in one request.
    await Promise.resolve();
    const backoff = new Backoff();
    while (this.hasMore && !this.closed.signal.aborted) {
      const batch = [...this.waiting.values()].slice(0, this.batchMax);
      try {
        await this.exchange(batch);
        backoff.reset();
        this.batchMax = observationsPerRequestMax;
      } catch (error) {
        if (this.closed.signal.aborted) break;
        if (!this.narrowDown(batch, error)) {
          this.logger.warn({ err: error, waiting: this.waiting.size }, 'observations could not be sent; trying again');
          await sleep(backoff.next(), this.retry.signal);
        }
      }
    }
    this.sending = undefined;
  }

  private get hasMore(): boolean {
    return this.waiting.size > 0 || this.hostPorts !== undefined;
  }

  private async exchange(batch: readonly ReportedObservation[]): Promise<void> {
    const { hostPorts } = this;
    const { results } = await this.controlPlane.observe({ observations: batch, ...(hostPorts && { hostPorts }) }, this.closed.signal);
    for (const { instanceId, attempt, state } of batch) await failpoint('agent-after-report', `instances/${instanceId}/${attempt}/${state}`);
    if (this.hostPorts === hostPorts) this.hostPorts = undefined;
    batch.forEach((observation, index) => {
      this.drop(observation);
      if (results[index]?.result === 'superseded') this.onSuperseded(observation);
    });
  }

  /** Unless a newer one has taken its place. */
  private drop(observation: ReportedObservation): void {
    if (this.waiting.get(observation.allocationId) === observation) this.waiting.delete(observation.allocationId);
  }

  /** One observation that the control plane will never take must not keep back the others: send singly, drop the one refused. */
  private narrowDown(batch: readonly ReportedObservation[], error: unknown): boolean {
    const isRefused = error instanceof ControlPlaneRefusal && [400, 413, 422].includes(error.status);
    if (!isRefused || batch.length === 0) return false;
    if (batch.length > 1) {
      this.batchMax = 1;
      return true;
    }
    this.logger.error({ err: error, observation: batch[0] }, 'the control plane refuses this observation; dropped');
    batch.forEach((observation) => this.drop(observation));
    return true;
  }
}
