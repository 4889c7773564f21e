import { noop } from 'cockatiel';
import type { IKeyValue, IRangeResponse, ITxnRequest, ITxnResponse } from 'etcd3';
import { Etcd3 } from 'etcd3';
import { Breaker, BreakerOpenError } from '../../breaker';
import { breakerProbeTimeoutMs } from '../../domain/limits';
import type { Telemetry } from '../../telemetry';
import { silent } from '../../telemetry';
import type { Authentication, EtcdAccess } from './access';
import { authentication } from './access';
import { EtcdUnavailableError } from './errors';
import { isEtcdOutage } from './failures';

/** A stored value with the revision of its last change (mod revision), as a safe integer. */
export interface Entry<T> {
  readonly value: T;
  readonly revision: number;
}

/** An entry as it was listed, with its relative key. */
export interface KeyedEntry extends Entry<unknown> {
  readonly key: string;
}

export interface EtcdOptions {
  readonly endpoints: readonly string[];
  /** Begins and ends with `/`. */
  readonly prefix: string;
  /** Left out: etcd asks nobody who they are, and is trusted where it is. */
  readonly access?: EtcdAccess | undefined;
  readonly requestTimeoutMs?: number;
  readonly telemetry?: Telemetry;
}

const requestTimeoutMsDefault = 5_000;
/** A list of everything must fit into one message; etcd itself bounds single values far lower. */
const receiveBytesMax = 64 * 1024 * 1024;

/**
 * The connection to etcd. It adds the prefix to keys, gives every unary call a deadline, and retries
 * nothing: a repeated transaction whose first answer was lost would look refused, so the one place that
 * repeats is the one that can tell (`Committer` for writes, the caller for reads). While etcd does not answer, calls of
 * its methods fail at once; those of `raw` do not know of that: watches and leases have bounds of their own.
 */
export class EtcdClient {
  readonly raw: Etcd3;
  readonly prefix: string;
  readonly breaker: Breaker;
  private readonly authentication: Authentication;

  constructor(options: EtcdOptions) {
    const timeoutMs = options.requestTimeoutMs ?? requestTimeoutMsDefault;
    this.prefix = options.prefix;
    this.authentication = authentication(options.endpoints, options.access ?? {});
    const { credentials, grpcOptions } = this.authentication.options;
    this.raw = new Etcd3({
      ...(credentials && { credentials }),
      hosts: [...options.endpoints],
      faultHandling: { global: noop, host: () => noop },
      defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + timeoutMs }),
      grpcOptions: {
        'grpc.keepalive_time_ms': 10_000,
        'grpc.keepalive_timeout_ms': 5_000,
        'grpc.max_receive_message_length': receiveBytesMax,
        // Without this a client that lost its server waits up to two minutes before it tries again.
        'grpc.max_reconnect_backoff_ms': 1_000,
        'grpc.initial_reconnect_backoff_ms': 100,
        ...grpcOptions,
      },
    });
    this.breaker = new Breaker({ dependency: 'etcd', isOutage: isEtcdOutage, probe: () => this.ask(breakerProbeTimeoutMs), telemetry: options.telemetry ?? silent });
  }

  key(relative: string): Buffer {
    return Buffer.from(this.prefix + relative);
  }

  relative(key: Buffer): string {
    return key.toString().slice(this.prefix.length);
  }

  /** One key, linearizable; undefined when it does not exist. */
  async get(relative: string): Promise<KeyedEntry | undefined> {
    const response = await this.guarded('get', () => this.raw.kv.range({ key: this.key(relative) }));
    return response.kvs[0] && this.entry(response.kvs[0]);
  }

  /** All keys under a relative prefix at one revision, linearizable. */
  async list(relativePrefix: string, limit = 0): Promise<{ revision: number; entries: readonly KeyedEntry[]; more: boolean }> {
    const response = await this.range(relativePrefix, limit);
    return { revision: Number(response.header.revision), entries: response.kvs.map((kv) => this.entry(kv)), more: response.more };
  }

  /** Several prefixes at one and the same revision. */
  async listTogether(relativePrefixes: readonly string[]): Promise<{ revision: number; lists: ReadonlyArray<readonly KeyedEntry[]> }> {
    const response = await this.txn({
      compare: [],
      success: relativePrefixes.map((prefix) => ({ request_range: { key: this.key(prefix), range_end: rangeEnd(this.key(prefix)) } })),
      failure: [],
    });
    const lists = response.responses.map((answer) => (answer.response_range?.kvs ?? []).map((kv) => this.entry(kv)));
    return { revision: Number(response.header.revision), lists };
  }

  private range(relativePrefix: string, limit: number): Promise<IRangeResponse> {
    const key = this.key(relativePrefix);
    return this.guarded('list', () => this.raw.kv.range({ key, range_end: rangeEnd(key), limit, sort_target: 'Mod', sort_order: 'Ascend' }));
  }

  /** The store's present revision. */
  async revision(): Promise<number> {
    const response = await this.guarded('revision', () => this.ask());
    return Number(response.header.revision);
  }

  txn(request: ITxnRequest): Promise<ITxnResponse> {
    return this.guarded('transaction', () => this.raw.kv.txn(request));
  }

  /** The least that etcd can be asked, linearizable. */
  private ask(timeoutMs?: number): Promise<IRangeResponse> {
    return this.raw.kv.range({ key: this.key(''), count_only: true }, timeoutMs === undefined ? undefined : { deadline: Date.now() + timeoutMs });
  }

  private async guarded<T>(operation: string, call: () => Promise<T>): Promise<T> {
    try {
      return await this.breaker.run(operation, call);
    } catch (error) {
      throw error instanceof BreakerOpenError ? new EtcdUnavailableError(error) : error;
    }
  }

  entry(kv: IKeyValue): KeyedEntry {
    return { key: this.relative(kv.key), value: decode(kv.value), revision: Number(kv.mod_revision) };
  }

  /** Has the next call authenticate anew: etcd refuses a watch within its stream, where nobody else hears of it. */
  forgetToken(): void {
    this.authentication.forget();
  }

  close(): void {
    this.breaker.end();
    this.raw.close();
    this.authentication.close();
  }
}

/** The end of the range of all keys that begin with `prefix`. */
export function rangeEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1; // Prefixes end in `/`, never in 0xff.
  return end;
}

export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function decode(bytes: Buffer): unknown {
  return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString()) as unknown);
}
