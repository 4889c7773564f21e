import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { storeFullRatio, storeSizeCheckIntervalMs } from '../domain/limits';
import type { StoreMaintenance, StoreUsage } from '../stores/etcd/maintenance';
import { maintenanceOf } from '../stores/etcd/maintenance';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';
import { ApiProblem } from './http/problem';

/**
 * Knows how full etcd is. Beyond its quota etcd takes no more writes at all, so new work ends long before, and leaves
 * the rest to what ends and releases. What counts is what is in use: etcd writes to its free pages first, and those
 * that it has once allocated it keeps.
 */
@Injectable()
export class StoreRoom implements OnModuleInit, OnModuleDestroy {
  /** Without rights to ask, etcd's own refusal of what it has no room for is what remains. */
  private readonly store: StoreMaintenance | undefined;
  private usage: Pick<StoreUsage, 'usedBytes' | 'noSpace'> = { usedBytes: 0, noSpace: false };
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {
    this.store = maintenanceOf(dependencies.etcdMembers);
  }

  async onModuleInit(): Promise<void> {
    if (this.store === undefined) return;
    await this.measure();
    this.timer = setInterval(() => void this.measure(), storeSizeCheckIntervalMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  refuseWhenFull(): void {
    const { etcdQuotaBytes: quotaBytes } = this.dependencies;
    const { usedBytes, noSpace } = this.usage;
    if (!noSpace && usedBytes < quotaBytes * storeFullRatio) return;
    const state = noSpace ? 'is full and writes nothing' : `uses ${usedBytes} of ${quotaBytes} bytes`;
    throw new ApiProblem('store_full', `etcd ${state}; new work waits until there is room again`, {
      members: { usedBytes, quotaBytes },
      headers: { 'retry-after': String(Math.ceil(storeSizeCheckIntervalMs / 1000)) },
    });
  }

  /** When etcd does not answer, what was last measured stands: whoever wants to write hears of that anyway. */
  private async measure(): Promise<void> {
    try {
      if (this.store) this.usage = await this.store.usage();
    } catch (err) {
      this.dependencies.log.warn({ err }, 'etcd did not say how full it is');
    }
  }
}
