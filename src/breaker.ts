import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleType } from 'cockatiel';
import type { CircuitBreakerPolicy } from 'cockatiel';
import { breakerFailuresMax, breakerPauseMs } from './domain/limits';
import type { BreakerState, CallOutcome, Dependency, Telemetry } from './telemetry';

export interface BreakerOptions {
  readonly dependency: Dependency;
  /** Whether an error says that nobody answered, or not in time. A refusal is an answer. */
  readonly isOutage: (error: unknown) => boolean;
  /** One cheap call that ends in short time: the trial by which the server is found to be back. */
  readonly probe: () => Promise<unknown>;
  readonly telemetry: Telemetry;
}

/** A call was not made, because the server has not been answering. Nothing has happened. */
export class BreakerOpenError extends Error {
  constructor(dependency: Dependency, cause: unknown) {
    super(`${dependency} has not been answering, it is tried again within ${breakerPauseMs} ms`, { cause });
    this.name = 'BreakerOpenError';
  }
}

/** What the policy counts. */
class Outage extends Error {}

type Settled<T> = { readonly value: T } | { readonly refusal: unknown };

const stateNames: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

/**
 * Spares callers the wait for a server that does not answer, and such a server the calls. After some failures in a row
 * it is open and every call fails at once; after each pause one trial is made, and the first that is answered closes it.
 * The trial is a call of its own, so that it needs no traffic, and nobody's request waits for it.
 */
export class Breaker {
  private readonly policy: CircuitBreakerPolicy;
  private readonly closedListeners = new Set<() => void>();
  private timer: NodeJS.Timeout | undefined;
  /** How often it was closed again. */
  private period = 0;
  private lastOutage: unknown;
  private ended = false;

  constructor(private readonly options: BreakerOptions) {
    // The pause is the timer's. The policy itself measures by the wall clock, and is ready for a trial even when that was set back.
    this.policy = circuitBreaker(handleType(Outage), { halfOpenAfter: -Infinity, breaker: new ConsecutiveBreaker(breakerFailuresMax) });
    this.policy.onStateChange(() => this.moved());
  }

  get state(): BreakerState {
    return stateNames[this.policy.state];
  }

  /** Makes a call. Throws what it throws, or `BreakerOpenError` without having made it. */
  async run<T>(operation: string, call: () => Promise<T>): Promise<T> {
    if (this.state === 'closed') return this.execute(() => this.measured(operation, call));
    const { dependency, telemetry } = this.options;
    telemetry.called(dependency, operation, 'not tried', 0);
    throw new BreakerOpenError(dependency, this.lastOutage);
  }

  /** Calls back each time that calls are let through again; returns how to stop. */
  onClosed(listener: () => void): () => void {
    this.closedListeners.add(listener);
    return () => this.closedListeners.delete(listener);
  }

  /** Makes no more trials. */
  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  private async measured<T>(operation: string, call: () => Promise<T>): Promise<T> {
    const { dependency, telemetry, isOutage } = this.options;
    const startedAtMs = performance.now();
    const ended = (outcome: CallOutcome) => telemetry.called(dependency, operation, outcome, performance.now() - startedAtMs);
    try {
      const value = await call();
      ended('done');
      return value;
    } catch (error) {
      ended(isOutage(error) ? 'unavailable' : 'refused');
      throw error;
    }
  }

  /** To the policy everything but an outage is a success. */
  private async execute<T>(call: () => Promise<T>): Promise<T> {
    const { period } = this;
    const settled = await this.policy.execute(() => this.settle(call, period)).catch((error: unknown) => {
      throw error instanceof Outage ? error.cause : error;
    });
    if ('refusal' in settled) throw settled.refusal;
    return settled.value;
  }

  /** A call that was made before the last outage was over says nothing of how it is now. */
  private async settle<T>(call: () => Promise<T>, period: number): Promise<Settled<T>> {
    try {
      return { value: await call() };
    } catch (error) {
      if (period !== this.period || !this.options.isOutage(error)) return { refusal: error };
      this.lastOutage = error;
      throw new Outage('nobody answered', { cause: error });
    }
  }

  private moved(): void {
    const { state } = this;
    if (state === 'closed') this.period += 1;
    if (state === 'open') this.tryLater();
    this.options.telemetry.breakerMoved(this.options.dependency, state, this.lastOutage);
    if (state === 'closed') for (const listener of this.closedListeners) listener();
  }

  private tryLater(): void {
    clearTimeout(this.timer);
    if (!this.ended) this.timer = setTimeout(() => void this.tryNow(), breakerPauseMs).unref();
  }

  private async tryNow(): Promise<void> {
    // How it ends is seen in the state.
    await this.execute(this.options.probe).catch(() => undefined);
  }
}
