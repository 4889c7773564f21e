import { readFileSync } from 'node:fs';
import type { Child } from '../../../src/processes/embedded/child';
import { describeExit } from '../../../src/processes/embedded/child';
import type { TcpProxy } from '../../support/tcp-proxy';

/** The ways of one process to the servers; each can be cut for it alone. */
export interface Links {
  readonly etcd: TcpProxy;
  readonly mongodb: TcpProxy;
  readonly temporal: TcpProxy;
}

/** How one of our processes is started: settles when it is up. */
export type StartProcess = () => Promise<Child>;

/** One of our processes: it may be killed and started again, and be frozen by a failpoint, by itself if it is supervised, as by an init system. */
export class FaultyProcess {
  private child: Child | undefined;
  private isWanted = false;
  private starting: Promise<void> = Promise.resolve();
  /** How it ended, each time that it did without having been asked to by `stop`. */
  readonly deaths: string[] = [];
  isSupervised = true;

  constructor(
    readonly name: string,
    readonly links: Links,
    private readonly startProcess: StartProcess,
  ) {}

  get pid(): number {
    if (this.child === undefined) throw new Error(`${this.name} was never started`);
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child?.isRunning() ?? false;
  }

  async start(): Promise<void> {
    this.isWanted = true;
    const child = await this.startProcess();
    this.child = child;
    void child.exited.then((exit) => {
      if (!this.isWanted) return;
      this.deaths.push(exit.signal ?? `${describeExit(exit)}: ${lastLineOf(child.logPath)}`);
      // One that ends before it was up is started again as well: a server that it needs may be down.
      if (this.isSupervised) this.starting = this.start();
    });
  }

  /** kill -9; a supervised process is started again at once. Resolves when it has ended. */
  async kill(): Promise<void> {
    const { child } = this;
    child?.kill('SIGKILL');
    await child?.exited;
  }

  /** Resolves when a restart that is under way is over. */
  async settled(): Promise<void> {
    await this.starting;
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** Ends it in order, as a rolling restart does. */
  async stop(): Promise<void> {
    this.isWanted = false;
    await this.starting.catch(() => undefined);
    if (!this.child?.isRunning()) return;
    this.thaw();
    await this.child.stop();
  }
}

/** Why a process that ended by itself did. */
function lastLineOf(logPath: string): string {
  return readFileSync(logPath, 'utf8').trimEnd().split('\n').at(-1) ?? '';
}
