import type { Logger } from 'pino';
import type { PlanFrame } from '../domain/plan';
import { Backoff, sleep } from './cancellation';
import type { ControlPlane } from './control-plane';
import type { ServerSentEvent } from '../client/event-stream';
import { planFrameOf } from './plan-frames';

/** Hears the plan: keeps a stream open and hands its frames on. */
export class PlanFollower {
  constructor(
    private readonly controlPlane: Pick<ControlPlane, 'plan'>,
    private readonly silenceMsMax: number,
    private readonly onOpened: () => void,
    private readonly onFrame: (frame: PlanFrame) => void,
    private readonly logger: Logger,
  ) {}

  /** Resolves when the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        for await (const event of this.controlPlane.plan(signal, this.silenceMsMax, this.onOpened)) {
          backoff.reset();
          this.hear(event);
        }
        this.logger.info('the plan stream ended; opening it again');
      } catch (error) {
        if (!signal.aborted) this.logger.warn({ err: error }, 'the plan stream broke; opening it again');
      }
      await sleep(backoff.next(), signal);
    }
  }

  /** A frame that is not understood changes nothing, and does not cost the stream. */
  private hear(event: ServerSentEvent): void {
    let frame: PlanFrame | undefined;
    try {
      frame = planFrameOf(event);
    } catch (error) {
      this.logger.error({ err: error, event: event.event }, 'a frame of the plan is not as it should be; ignored');
    }
    if (frame) this.onFrame(frame);
  }
}
