import type { IncomingMessage } from 'node:http';
import type {
  HeartbeatRequest,
  ObservationsRequest,
  ObservationsResponse,
  RegisterRequest,
  RegisterResponse,
} from '../domain/plan';
import { agentRequestTimeoutMs, planFrameCharactersMax } from '../domain/limits';
import { follow, within } from './cancellation';
import type { AgentConfig } from './config';
import { HttpClient, textOf } from './http-client';
import { EventStreamParser, type ServerSentEvent } from '../client/event-stream';

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

/** The requests that an agent makes. Each rejects with a ControlPlaneRefusal, or with what went wrong on the way. */
export class ControlPlane {
  private readonly base: string;
  private readonly worker: string;
  private readonly authorization: string;
  private readonly client = new HttpClient();

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
      const response = await this.send('GET', `${this.worker}/plan`, 'text/event-stream', undefined, controller.signal);
      onOpened();
      const parser = new EventStreamParser(planFrameCharactersMax);
      response.setEncoding('utf8');
      for await (const piece of response) {
        silence.refresh();
        yield* parser.push(piece as string);
      }
    } finally {
      clearTimeout(silence);
      release();
      controller.abort();
    }
  }

  /** Closes the connections that are kept for further requests. */
  close(): void {
    this.client.close();
  }

  private json<T>(method: 'GET' | 'POST', url: string, body: unknown, signal: AbortSignal): Promise<T> {
    return within(agentRequestTimeoutMs, signal, async (bounded) => {
      const response = await this.send(method, url, 'application/json', body === undefined ? undefined : JSON.stringify(body), bounded);
      const text = await textOf(response);
      return (text === '' ? undefined : JSON.parse(text)) as T;
    });
  }

  /** The beginning of an answer that is a success. */
  private async send(
    method: 'GET' | 'POST',
    url: string,
    accept: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const headers: Record<string, string> = { authorization: this.authorization, accept };
    if (body !== undefined) Object.assign(headers, { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(body)}` });
    const response = await this.client.send({ method, url, headers, body }, signal);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    const problem = await textOf(response);
    throw new ControlPlaneRefusal(status, codeOf(problem), `${method} ${url}: ${status} ${problem.slice(0, 500)}`);
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
