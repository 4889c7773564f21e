import { setTimeout as sleep } from 'node:timers/promises';

/** What the demo shows of an instance; the API answers more. */
export interface InstanceAnswer {
  readonly id: string;
  readonly revision: string;
  readonly spec: { readonly definition: { readonly name: string; readonly version: string } };
  readonly status: { readonly phase: string; readonly message: string; readonly attempt: number };
  readonly worker?: { readonly id: string; readonly name?: string };
  readonly ports?: Readonly<Record<string, number>>;
  readonly address?: string;
}

export interface WorkerAnswer {
  readonly id: string;
  readonly status: { readonly phase: string; readonly message: string };
}

export interface EventAnswer {
  readonly sequence: number;
  readonly type: string;
  readonly time: string;
  readonly revision: string;
  readonly actor: string;
  readonly data: { readonly from?: string; readonly to?: string; readonly message?: string };
}

/** The API refused, or did not answer as it should. */
export class BerthError extends Error {
  constructor(method: string, path: string, status: number, readonly problem: { code?: string; detail?: string }) {
    super(`${method} ${path} answered ${status} ${problem.code ?? ''}: ${problem.detail ?? ''}`);
    this.name = 'BerthError';
  }
}

const pollIntervalMs = 25;

/** The API as any client would use it. */
export class Berth {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  async post<T>(path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    return this.request<T>('POST', path, text, contentType);
  }

  get<T>(path: string): Promise<T> {
    return this.request<T>('GET', path);
  }

  delete<T>(path: string): Promise<T> {
    return this.request<T>('DELETE', path);
  }

  /** Shows each phase as it comes, until one of those that end the wait; fails when it takes too long. */
  async follow(path: string, until: readonly string[], onPhase: (answer: InstanceAnswer) => void, timeoutMs = 60_000): Promise<InstanceAnswer> {
    const deadline = Date.now() + timeoutMs;
    let seen = '';
    for (;;) {
      const answer = await this.get<InstanceAnswer>(path);
      const state = `${answer.status.phase} ${answer.status.message}`;
      if (state !== seen) onPhase(answer);
      seen = state;
      if (until.includes(answer.status.phase)) return answer;
      if (Date.now() > deadline) throw new Error(`${path} is ${state} after ${timeoutMs / 1000} s; expected ${until.join(' or ')}`);
      await sleep(pollIntervalMs);
    }
  }

  private async request<T>(method: string, path: string, body?: string, contentType?: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body !== undefined && { 'content-type': contentType ?? 'application/json' }) },
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    const answer = text === '' ? {} : (JSON.parse(text) as unknown);
    if (!response.ok) throw new BerthError(method, path, response.status, answer as { code?: string; detail?: string });
    return answer as T;
  }
}
