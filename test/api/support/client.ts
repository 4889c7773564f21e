import { credentialsFor } from '../../support/credentials';

/** What came back. `body` is looked at by tests as they expect it to be. */
export interface Reply<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A problem document, as tests look at it. */
export interface ProblemBody {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly retryable: boolean;
  readonly errors?: ReadonlyArray<{ readonly path: string; readonly message: string; readonly expected: string }>;
  readonly [member: string]: unknown;
}

/** An HTTP client that throws at nothing. */
export class Client {
  constructor(private readonly url: string) {}

  get<Body>(path: string, headers: Record<string, string> = {}): Promise<Reply<Body>> {
    return this.request('GET', path, undefined, headers);
  }

  post<Body>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<Body>> {
    return this.request('POST', path, body, headers);
  }

  patch<Body>(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply<Body>> {
    return this.request('PATCH', path, body, headers);
  }

  delete<Body>(path: string, headers: Record<string, string> = {}): Promise<Reply<Body>> {
    return this.request('DELETE', path, undefined, headers);
  }

  async request<Body>(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Reply<Body>> {
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(this.url + path, {
      method,
      headers: { ...credentialsFor(this.url), ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(text !== undefined && { body: text }),
    });
    const answer = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(answer) : answer) as Body };
  }
}
