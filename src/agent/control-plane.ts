import type {
  HeartbeatRequest,
  ObservationsRequest,
  ObservationsResponse,
  RegisterRequest,
  RegisterResponse,
} from '../domain/plan';
import { agentRequestTimeoutMs } from '../domain/limits';
import { follow, within } from './cancellation';
import type { AgentConfig } from './config';
import { EventStreamParser, type ServerSentEvent } from './event-stream';

/** The control plane answered, and not with what was asked for. */
export class ControlPlaneRefusal extends Error {
  constructor(
    readonly status: number,
    /** From the problem document, such as `lease_lost`; empty if there was none. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ControlPlaneRefusal';
  }
}

/** The requests that an agent makes. Each rejects with a ControlPlaneRefusal, or with what fetch says of the network. */
export class ControlPlane {
  private readonly base: string;
  private readonly worker: string;
  private readonly authorization: string;

  constructor({ api, workerId, token }: Pick<AgentConfig, 'api' | 'workerId' | 'token'>) {
    this.base = `${api.replace(/\/+$/, '')}/api/internal/v1`;
    this.worker = `${this.base}/workers/${encodeURIComponent(workerId)}`;
    this.authorization = `Bearer ${token}`;
  }

  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterResponse> {
    return this.json<RegisterResponse>('POST', `${this.worker}/register`, request, signal);
  }

  async heartbeat(request: HeartbeatRequest, signal: AbortSignal): Promise<void> {
    await this.json('POST', `${this.worker}/heartbeat`, request, signal);
  }

  observe(request: ObservationsRequest, signal: AbortSignal): Promise<ObservationsResponse> {
    return this.json<ObservationsResponse>('POST', `${this.worker}/observations`, request, signal);
  }

  workload(hash: string, signal: AbortSignal): Promise<unknown> {
    return this.json('GET', `${this.base}/workloads/${hash}`, undefined, signal);
  }

  /**
   * The events of the plan's stream, until it ends or breaks. One without even a comment for `silenceMsMax` is cut:
   * its other end may be gone without having said so.
   */
  async *plan(signal: AbortSignal, silenceMsMax: number, onOpened: () => void): AsyncGenerator<ServerSentEvent> {
    const { controller, release } = follow(signal);
    const cut = (): void => controller.abort(new Error(`the plan stream was silent for ${silenceMsMax} ms`));
    const silence = setTimeout(cut, silenceMsMax);
    try {
      const response = await this.send('GET', `${this.worker}/plan`, undefined, controller.signal, 'text/event-stream');
      onOpened();
      const parser = new EventStreamParser();
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? []) {
        silence.refresh();
        yield* parser.push(decoder.decode(bytes, { stream: true }));
      }
    } finally {
      clearTimeout(silence);
      release();
      controller.abort();
    }
  }

  private json<T>(method: string, url: string, body: unknown, signal: AbortSignal): Promise<T> {
    return within(agentRequestTimeoutMs, signal, async (bounded) => {
      const response = await this.send(method, url, body, bounded, 'application/json');
      const text = await response.text();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    });
  }

  private async send(method: string, url: string, body: unknown, signal: AbortSignal, accept: string): Promise<Response> {
    const response = await fetch(url, {
      method,
      headers: { authorization: this.authorization, accept, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
      redirect: 'error',
    });
    if (response.ok) return response;
    const problem = await response.text();
    throw new ControlPlaneRefusal(response.status, codeOf(problem), `${method} ${url}: ${response.status} ${problem.slice(0, 500)}`);
  }
}

function codeOf(problem: string): string {
  try {
    const { code } = JSON.parse(problem) as { code?: unknown };
    return typeof code === 'string' ? code : '';
  } catch {
    return '';
  }
}
