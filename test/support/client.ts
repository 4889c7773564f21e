import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { credentialsFor } from './credentials';

/** An answer of the API, whatever its status. */
export interface Reply<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface InstanceReply {
  readonly id: string;
  readonly revision: string;
  readonly generation: number;
  readonly spec: { readonly intent: string };
  readonly status: {
    readonly phase: string;
    readonly message: string;
    readonly attempt: number;
    readonly observedGeneration: number;
    readonly lastFailure?: { readonly reason: string; readonly step: string; readonly class: string; readonly message: string; readonly retryCount: number };
    readonly halted?: { readonly reason: string };
    readonly conditions: ReadonlyArray<{ readonly type: string; readonly status: string; readonly reason: string }>;
  };
  readonly worker?: { readonly id: string };
  readonly ports?: Readonly<Record<string, number>>;
}

const insistMs = 60_000;

/** The API of a test stack, as any client would use it. */
export class Client {
  constructor(readonly url: string) {}

  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { ...credentialsFor(this.url), ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(text !== undefined && { body: text }),
    });
    const answer = await response.text();
    return { status: response.status, headers: response.headers, body: (answer === '' ? {} : JSON.parse(answer)) as T };
  }

  /**
   * As a client that takes 503 for what it is: on a machine that is slow a server may have to wait for another one too long. What it
   * repeats it repeats under one key, so that it is done once.
   */
  async insist<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> {
    const keyed = method === 'GET' ? headers : { 'idempotency-key': `test-${randomBytes(8).toString('hex')}`, ...headers };
    const deadline = Date.now() + insistMs;
    for (;;) {
      const reply = await this.call<T>(method, path, body, keyed);
      if (reply.status !== 503 || Date.now() > deadline) return reply;
      await sleep(250);
    }
  }

  /** Fails unless the answer is a success, in the end. */
  async must<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    const reply = await this.insist<T>(method, path, body, headers);
    if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  instance(id: string): Promise<InstanceReply> {
    return this.must('GET', `/instances/${id}`);
  }

  /** Waits for a state that no endpoint waits for, with a bound. */
  async until<T>(what: string, probe: () => Promise<T | undefined | false>, timeoutMs = 60_000): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await probe();
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
      await sleep(25);
    }
  }

  /** A worker from a template of its own, RUNNING. */
  async makeWorker(options: { memory?: string; cpu?: number; from?: number; to?: number; labels?: Record<string, string> } = {}): Promise<string> {
    const name = `t-${randomBytes(4).toString('hex')}`;
    await this.must('POST', '/worker-templates', {
      name,
      description: '',
      provider: 'local',
      capacity: { cpu: options.cpu ?? 64, memory: options.memory ?? '64Gi', storage: '64Gi' },
      portRange: { from: options.from ?? 30_000, to: options.to ?? 39_999 },
      labels: options.labels ?? {},
    });
    const worker = await this.must<{ id: string }>('POST', '/workers?waitFor=RUNNING&timeout=60s', { template: name });
    return worker.id;
  }

  /** Registers a definition; answers its reference. */
  async define(document: Record<string, unknown>): Promise<{ name: string; version: string }> {
    const name = `d-${randomBytes(4).toString('hex')}`;
    const body = { name, version: '1.0.0', retry: { maxAttempts: 2, initialBackoff: '200ms', maxBackoff: '200ms' }, ...document };
    await this.must('POST', '/definitions', body);
    return { name: body.name, version: body.version };
  }
}

/** A component that runs nothing and is at once what it is told to be. */
export const noopComponent = { name: 'main', runtime: 'noop', ports: [{ name: 'http' }], resources: { cpu: '10m', memory: '16Mi', storage: '1Mi' } };
