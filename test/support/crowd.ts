import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What a crowd has seen so far. */
export interface Seen {
  readonly connected: number;
  readonly closed: number;
  /** Streams that were told of a change. */
  readonly told: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Many connections to a server, made by another process; see `crowd-client.ts`. */
export class Crowd {
  seen: Seen = { connected: 0, closed: 0, told: 0, statuses: {} };

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => (this.seen = JSON.parse(line) as Seen));
  }

  /** `begun`: what each connection sends at once; `drip`: what it sends again and again. */
  static of(url: string, count: number, begun: string, drip = ''): Crowd {
    const args = ['--import', 'tsx', join(__dirname, 'crowd-client.ts'), url, String(count), Buffer.from(begun).toString('base64'), drip];
    return new Crowd(spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  async leave(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin!.end();
    await ended;
  }
}

/** What a process holds at the moment, as the kernel counts it. */
export function heldBy(pid: number): { readonly descriptors: number; readonly memoryMib: number } {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memoryMib: Number(kib) / 1024 };
}
