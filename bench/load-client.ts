import net from 'node:net';
import { createInterface } from 'node:readline';
import { rate } from './figures';

/**
 * Asks servers on behalf of a benchmark, in a process of its own: reads a `Load` a line, and answers each by a line with a
 * `LoadReport`. It speaks HTTP on bare sockets and looks at no more of an answer than it must, so that on few cores what
 * is measured is the server.
 */
export interface Load {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What every answer must be. */
  readonly status: number;
  /** In all, over so many connections, each of which asks anew as soon as it was answered. */
  readonly requests: number;
  readonly connections: number;
}

export interface LoadReport {
  readonly latenciesMs: readonly number[];
  readonly ratePerSecond: number;
  /** An answer that was not as it must be; then there is nothing to measure. */
  readonly failure?: string;
}

/** A connection that is kept, and made anew when the server ends it. */
class Connection {
  private socket: net.Socket | undefined;

  constructor(private readonly target: URL) {}

  async connect(): Promise<void> {
    if (this.socket) return;
    const socket = net.connect({ host: this.target.hostname, port: Number(this.target.port), noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    this.socket = socket.setEncoding('latin1').removeAllListeners('error');
  }

  /** Milliseconds from sending the request to having its whole answer. */
  async ask(request: string, status: string): Promise<number> {
    await this.connect();
    const socket = this.socket!;
    const startedAt = performance.now();
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      let length = Infinity;
      socket.on('data', (piece: string) => {
        text += piece;
        if (length === Infinity) length = lengthOf(text);
        if (text.length >= length) resolve(text);
      });
      socket.once('error', reject).once('close', () => reject(new Error('the server ended a connection before its answer')));
      socket.write(request);
    });
    const elapsedMs = performance.now() - startedAt;
    socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
    if (!answer.startsWith(status, 'HTTP/1.1 '.length)) throw new Error(answer.slice(0, 2_000));
    if (/\r\nconnection: close\r\n/i.test(answer)) this.end();
    return elapsedMs;
  }

  end(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }
}

/** Of a whole answer, by what its head says of the body; unknown while the head is not all there. */
function lengthOf(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? Infinity : end + 4 + Number(/\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, end + 2))?.[1]);
}

async function run({ url, method, path, headers, body = '', status, requests, connections }: Load): Promise<LoadReport> {
  const target = new URL(url);
  const all = { ...headers, host: target.host, ...(method === 'POST' && { 'content-length': String(Buffer.byteLength(body)) }) };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`;
  const idle = Array.from({ length: connections }, () => new Connection(target));
  const latenciesMs: number[] = [];
  try {
    await Promise.all(idle.map((connection) => connection.connect()));
    const ratePerSecond = await rate(requests, connections, async () => {
      const connection = idle.pop()!;
      latenciesMs.push(await connection.ask(request, String(status)));
      idle.push(connection);
    });
    return { latenciesMs, ratePerSecond };
  } catch (error) {
    return { latenciesMs: [], ratePerSecond: 0, failure: `${method} ${path}: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    idle.forEach((connection) => connection.end());
  }
}

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as Load))}\n`);
}

void main();
