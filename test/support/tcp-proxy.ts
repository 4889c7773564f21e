import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/**
 * How the proxy treats bytes:
 * - `passing`: both ways.
 * - `holding`: neither way, but keeps them; connections stay open, as behind a network that lost its route.
 * - `swallowing`: requests get through, answers are thrown away.
 * - `refusing`: connections are closed, old ones and new ones.
 */
type Mode = 'passing' | 'holding' | 'swallowing' | 'refusing';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** It has lost bytes, so it can never pass again. */
  isSpoiled: boolean;
}

/** Stands between a client and a server, so that a test can take the network away from them in various ways. */
export class TcpProxy {
  private mode: Mode = 'passing';
  private latencyMs = 0;
  private swallowed = 0;
  private readonly links = new Set<Link>();

  private constructor(
    private target: { readonly host: string; readonly port: number },
    private readonly listener: Server,
  ) {
    listener.on('connection', (client: Socket) => this.accept(client));
  }

  /** Listens on a free port of loopback, and passes everything to the server at a URL. */
  static async to(url: string): Promise<TcpProxy> {
    const listener = createServer({ noDelay: true });
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(0, '127.0.0.1', resolve);
    });
    return new TcpProxy(hostOf(url), listener);
  }

  /** Where clients connect to. */
  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.links.size;
  }

  /** How many bytes of answers were thrown away. */
  get swallowedBytes(): number {
    return this.swallowed;
  }

  /** Sends connections that are made from now on to another server. */
  retarget(url: string): void {
    this.target = hostOf(url);
  }

  /** Everything gets through again. Connections that lost bytes are closed. */
  pass(): void {
    this.enter('passing');
    for (const link of this.links) if (link.isSpoiled) destroy(link);
  }

  /** Nothing gets through, and nobody is told. */
  hold(): void {
    this.enter('holding');
  }

  /** Requests get through, answers do not. */
  swallowAnswers(): void {
    this.enter('swallowing');
  }

  /** Closes all connections, and each new one at once. */
  cut(): void {
    this.enter('refusing');
    this.breakConnections();
  }

  /** Nothing gets through the connections that are open now, ever, and nobody is told; new ones are welcome. */
  holdForGood(): void {
    for (const { client, server } of this.links) {
      for (const socket of [client, server]) socket.removeAllListeners('data').pause();
    }
  }

  /** Closes all connections once; new ones are welcome. */
  breakConnections(): void {
    for (const link of this.links) destroy(link);
  }

  /** Everything takes so long in each direction. */
  delay(latencyMs: number): void {
    this.latencyMs = latencyMs;
  }

  async close(): Promise<void> {
    this.breakConnections();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private enter(mode: Mode): void {
    this.mode = mode;
    for (const { client, server } of this.links) {
      for (const socket of [client, server]) void (mode === 'holding' ? socket.pause() : socket.resume());
    }
  }

  private accept(client: Socket): void {
    if (this.mode === 'refusing') {
      client.on('error', ignore).destroy();
      return;
    }
    const server = connect({ ...this.target, noDelay: true });
    const link: Link = { client, server, isSpoiled: false };
    this.links.add(link);
    client.on('data', (bytes) => this.later(() => server.write(bytes)));
    server.on('data', (bytes) => this.answer(link, bytes));
    for (const socket of [client, server]) {
      // An error is followed by `close`, and that is all there is to say about it.
      socket.on('error', ignore);
      socket.on('end', () => this.later(() => destroy(link)));
      socket.on('close', () => {
        this.links.delete(link);
        destroy(link);
      });
      if (this.mode === 'holding') socket.pause();
    }
  }

  private answer(link: Link, bytes: Buffer): void {
    if (this.mode !== 'swallowing') return this.later(() => link.client.write(bytes));
    link.isSpoiled = true;
    this.swallowed += bytes.length;
  }

  private later(act: () => void): void {
    if (this.latencyMs === 0) act();
    else setTimeout(act, this.latencyMs);
  }
}

function destroy({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}

function hostOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function ignore(): void {
  // See where it is used.
}
