import { randomBytes } from 'node:crypto';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { refusalsBatchMax, refusalsLastWriteMsMax, refusalsWaitingMax, refusalsWriteIntervalMs } from '../../domain/limits';
import { platformOrg } from '../../domain/header';
import type { Refusal, RefusalRecord } from '../../domain/refusals';
import { RefusalTally } from '../../domain/refusals';
import { isoTime } from '../../domain/status';
import { pause } from '../../pause';
import type { IdentifiedRefusal } from '../../stores/mongo/audit-refusals';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';

/**
 * Records refusals, a batch a second. Nobody who is refused waits for MongoDB: while it is away records wait here, in
 * bounded number, and what found no room is counted and told once it is back.
 */
@Injectable()
export class RefusalLog implements OnModuleInit, OnApplicationShutdown {
  private readonly tally = new RefusalTally();
  /** Tells the records of this process from those of all others. */
  private readonly process = randomBytes(8).toString('hex');
  private sequence = 0;
  private waiting: IdentifiedRefusal[] = [];
  private dropped = 0;
  private writing: Promise<void> | undefined;
  private isTold = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  onModuleInit(): void {
    this.timer = setInterval(() => this.tick(), refusalsWriteIntervalMs).unref();
  }

  /** The last requests have been answered by now. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.keep(this.tally.end(Date.now()));
    const late = new AbortController();
    await Promise.race([this.writeAll(), pause(refusalsLastWriteMsMax, late.signal)]);
    late.abort();
    if (this.waiting.length > 0) this.dependencies.log.warn({ refusals: this.waiting.length }, 'refusals could not be recorded before the end');
  }

  record(refusal: Refusal): void {
    this.keep(this.tally.add(refusal, Date.now()));
  }

  /** Writes everything that waits; resolves early when MongoDB does not take it. */
  async writeAll(): Promise<void> {
    await this.writing;
    while (this.waiting.length > 0) if (!(await this.writeBatch())) return;
  }

  private tick(): void {
    this.keep(this.tally.due(Date.now()));
    this.writing ??= this.writeBatch()
      .then(() => undefined)
      .finally(() => (this.writing = undefined));
  }

  private keep(records: readonly RefusalRecord[]): void {
    for (const record of records) {
      if (this.waiting.length >= refusalsWaitingMax) this.drop(record);
      else this.waiting.push(this.identified(record));
    }
  }

  private drop(record: RefusalRecord): void {
    const count = 'counts' in record ? Object.values(record.counts).reduce((sum, each) => sum + each, 0) : 1;
    this.dropped += count;
    this.dependencies.refusalsDropped(count);
  }

  /** The id is given once, so that a batch whose answer was lost is found to be there when it is written again. */
  private identified(record: RefusalRecord): IdentifiedRefusal {
    this.sequence += 1;
    return { id: `${record.time}-${this.process}-${String(this.sequence).padStart(9, '0')}`, record };
  }

  /** Whether what was tried is recorded. */
  private async writeBatch(): Promise<boolean> {
    const batch = this.waiting.slice(0, refusalsBatchMax);
    if (batch.length === 0) return true;
    try {
      await this.dependencies.auditRefusals.insert(batch);
    } catch (err) {
      if (!this.isTold) this.dependencies.log.warn({ err, waiting: this.waiting.length }, 'refusals cannot be recorded; they wait');
      this.isTold = true;
      return false;
    }
    this.isTold = false;
    this.waiting = this.waiting.slice(batch.length);
    this.tellOfDropped();
    return true;
  }

  private tellOfDropped(): void {
    if (this.dropped === 0) return;
    const counts = { not_recorded: this.dropped };
    this.dropped = 0;
    this.keep([{ time: isoTime(Date.now()), principal: 'others', type: 'unknown', org: platformOrg, counts }]);
    this.dependencies.log.warn(counts, 'refusals were counted and not recorded while MongoDB was away');
  }
}
