import type { Logger } from 'pino';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { keys } from '../stores/etcd/keys';
import type { WatchCache } from '../stores/etcd/watch-cache';
import type { BreakerState, CallOutcome, Dependency, RelistReason, Telemetry } from '../telemetry';

const breakerStates: readonly BreakerState[] = ['closed', 'open', 'half-open'];
/** From a read out of memory to a listing of a whole collection. */
const durationBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const outboxCollection = keys.outboxPrefix.replace('/', '');

/**
 * What a process counts of itself, in the text format of Prometheus. All labels are from small, fixed sets: servers,
 * operations and collections, and never ids.
 */
export class Metrics implements Telemetry {
  private readonly registry = new Registry();
  private readonly calls = this.histogram('berth_store_operation_duration_seconds', 'How long calls of etcd, MongoDB and Temporal took', ['store', 'operation']);
  private readonly failures = this.counter('berth_store_operation_failures_total', 'Calls that were refused, that nobody answered, or that an open circuit breaker kept back', ['store', 'operation', 'outcome']);
  private readonly breakers = this.gauge('berth_breaker_state', 'The state in which the circuit breaker is has 1', ['dependency', 'state']);
  private readonly transitions = this.counter('berth_breaker_transitions_total', 'How often a circuit breaker came into a state', ['dependency', 'state']);
  private readonly documents = this.counter('berth_record_documents_total', 'Documents inserted into MongoDB', ['collection']);
  private readonly bytes = this.counter('berth_record_bytes_total', 'Bytes of documents inserted into MongoDB', ['collection']);
  private readonly compared = this.counter('berth_watch_cache_comparisons_total', 'How often the watch cache was compared with etcd', ['outcome']);
  private readonly relisted = this.counter('berth_watch_cache_relists_total', 'How often the watch cache took everything anew', ['reason']);
  private readonly dropped = this.counter('berth_audit_refusals_dropped_total', 'Refusals that could not be recorded, since MongoDB was away for too long', []);

  constructor(private readonly log: Logger) {
    collectDefaultMetrics({ register: this.registry });
    // From the start, so that what has never happened shows as that.
    for (const dependency of ['etcd', 'mongodb', 'temporal'] as const) this.showBreaker(dependency, 'closed');
    for (const outcome of ['equal', 'different']) this.compared.inc({ outcome }, 0);
    for (const reason of ['compacted', 'replaced', 'different']) this.relisted.inc({ reason }, 0);
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Shows how far a cache is, each time that somebody asks. */
  follow(cache: WatchCache): void {
    this.gauge('berth_watch_cache_revision', 'The revision of etcd up to which the watch cache holds everything', [], () => cache.revision);
    this.gauge('berth_watch_cache_age_seconds', 'How long ago etcd last proved to the watch cache that nothing was missed', [], () => cache.ageMs / 1000);
    this.gauge('berth_outbox_entries', 'Commits whose events are not recorded in MongoDB yet', [], () => cache.collection(outboxCollection).length);
  }

  called(store: Dependency, operation: string, outcome: CallOutcome, durationMs: number): void {
    if (outcome !== 'not tried') this.calls.observe({ store, operation }, durationMs / 1000);
    if (outcome !== 'done') this.failures.inc({ store, operation, outcome });
  }

  breakerMoved(dependency: Dependency, state: BreakerState, cause: unknown): void {
    this.transitions.inc({ dependency, state });
    this.showBreaker(dependency, state);
    // Trials that fail are no news.
    if (state === 'closed') this.log.info({ dependency }, `${dependency} answers again`);
    else this.log[state === 'open' ? 'warn' : 'debug']({ dependency, state, err: cause }, `${dependency} does not answer, calls of it fail at once`);
  }

  recorded(collection: string, documents: number, bytes: number): void {
    this.documents.inc({ collection }, documents);
    this.bytes.inc({ collection }, bytes);
  }

  cacheCompared(outcome: 'equal' | 'different'): void {
    this.compared.inc({ outcome });
  }

  cacheRelisted(reason: RelistReason): void {
    this.relisted.inc({ reason });
  }

  refusalsDropped(count: number): void {
    this.dropped.inc(count);
  }

  private showBreaker(dependency: Dependency, current: BreakerState): void {
    for (const state of breakerStates) this.breakers.set({ dependency, state }, state === current ? 1 : 0);
  }

  private counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets: durationBucketsSeconds, registers: [this.registry] });
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[], now?: () => number): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry], ...(now && { collect: function (this: Gauge<Label>) { this.set(now()); } }) });
  }
}
