import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { storeFullRatio, storeSizeCheckIntervalMs } from '../domain/limits';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';
import { ApiProblem } from './http/problem';

/**
 * Knows how full etcd is. Beyond its quota etcd takes no more writes at all, not even those that free something,
 * so new work ends long before.
 */
@Injectable()
export class StoreRoom implements OnModuleInit, OnModuleDestroy {
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  async onModuleInit(): Promise<void> {
    await this.measure();
    this.timer = setInterval(() => void this.measure(), storeSizeCheckIntervalMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  refuseWhenFull(): void {
    const { etcdQuotaBytes } = this.dependencies;
    if (this.bytes < etcdQuotaBytes * storeFullRatio) return;
    const detail = `etcd holds ${this.bytes} of ${etcdQuotaBytes} bytes; new work waits until it was compacted or given a larger quota`;
    throw new ApiProblem('store_full', detail, { members: { usedBytes: this.bytes, quotaBytes: etcdQuotaBytes } });
  }

  /** When etcd does not answer, the last size stands: whoever wants to write hears of that anyway. */
  private async measure(): Promise<void> {
    try {
      const status = await this.dependencies.etcd.raw.maintenance.status();
      this.bytes = Number(status.dbSize);
    } catch (err) {
      this.dependencies.log.warn({ err }, 'etcd did not say how full it is');
    }
  }
}
