import type { Child } from '../../../src/processes/embedded/child';
import type { RunningServer } from '../../../src/processes/embedded/server';
import { TcpProxy } from '../../support/tcp-proxy';

/** A server of the stack: it may be killed, frozen and started again on its data and its port, and be cut off from anybody. */
export class FaultyServer {
  private readonly proxies = new Set<TcpProxy>();

  private constructor(
    private child: Child,
    /** Straight to the server, past all proxies. */
    readonly address: string,
    private readonly startOn: (port: number) => Promise<RunningServer>,
  ) {}

  /** Starts it on a free port; `start` is told the port when it has to be a certain one. */
  static async start(start: (port?: number) => Promise<RunningServer>): Promise<FaultyServer> {
    const { child, address } = await start();
    return new FaultyServer(child, address, start);
  }

  /** A way to the server that belongs to one client, and can be cut for that one alone. */
  async proxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.to(asUrl(this.address));
    this.proxies.add(proxy);
    return proxy;
  }

  /** The server's address as a client behind a proxy has to name it. */
  addressThrough(proxy: TcpProxy): string {
    const port = new URL(asUrl(this.address)).port;
    return this.address.replace(port, new URL(proxy.url).port);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exited;
  }

  async startAgain(): Promise<void> {
    this.child = (await this.startOn(Number(new URL(asUrl(this.address)).port))).child;
  }

  /** The process stands still, with its connections open. */
  freeze(): void {
    process.kill(this.child.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.child.pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.child.isRunning()) {
      this.thaw();
      await this.child.stop();
    }
    await Promise.all([...this.proxies].map((proxy) => proxy.close()));
  }
}

function asUrl(address: string): string {
  return address.includes('://') ? address : `http://${address}`;
}
