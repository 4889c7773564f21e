import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Load, LoadReport } from './load-client';

/** The process that asks; one load at a time. */
export class LoadClient {
  private readonly child: ChildProcess;
  private readonly reports: AsyncIterator<string>;

  constructor() {
    this.child = spawn(process.execPath, ['--import', 'tsx', join(__dirname, 'load-client.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.reports = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** Throws when an answer was not as it had to be. */
  async send(load: Load): Promise<LoadReport> {
    this.child.stdin!.write(`${JSON.stringify(load)}\n`);
    const line = await this.reports.next();
    if (line.done) throw new Error('the process that asks has ended');
    const report = JSON.parse(line.value) as LoadReport;
    if (report.failure !== undefined) throw new Error(report.failure);
    return report;
  }

  stop(): void {
    this.child.kill();
  }
}
