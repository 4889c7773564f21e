import http from 'node:http';
import https from 'node:https';

/** What is sent with a request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Requests over connections that are kept. Not the built-in fetch: once a garbage collection has run, its requests and
 * streams cannot be relied on to hear of an abort (seen with Node 20), and an agent that cannot give up a dead
 * connection is deaf for ever.
 */
export class HttpClient {
  private readonly http = new http.Agent({ keepAlive: true });
  private readonly https = new https.Agent({ keepAlive: true });

  /** Resolves with the beginning of the answer. The signal ends request and answer, the answer's body included. */
  send({ method, url, headers, body }: HttpRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    const isSecure = url.startsWith('https:');
    const { request } = isSecure ? https : http;
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, agent: isSecure ? this.https : this.http, signal }, resolve);
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** Closes the connections. */
  close(): void {
    this.http.destroy();
    this.https.destroy();
  }
}

/** The whole body of an answer. */
export async function textOf(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response) text += piece as string;
  return text;
}
