import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { storeDisarmRatio } from '../../domain/limits';
import { problemAt } from '../../domain/problem';
import type { StoreUsage } from '../../stores/etcd/maintenance';
import { maintenanceOf, StoreMaintenance } from '../../stores/etcd/maintenance';
import { collectionSizes } from '../../stores/etcd/store-contents';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { section } from '../documents/schema';
import type { RequestContext } from '../http/context';
import { loggedRequest } from '../http/access-log';
import { ApiProblem } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { readFields } from '../http/queries';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

export const compactQuery = section({
  revision: readFields.minRevision.meta({ description: 'Forget what was before this revision; the present one by default.' }),
});
export type CompactQuery = z.output<typeof compactQuery>;

const usageFields = {
  allocatedBytes: z.int().meta({ description: 'What counts against the quota; shrinks by defragmentation alone.' }),
  usedBytes: z.int().meta({ description: 'Without free pages; shrinks by compaction.' }),
};
const usageView = z
  .object({
    ...usageFields,
    quotaBytes: z.int(),
    usedShare: z.number().meta({ description: 'Of the quota; new work is refused from 0.7 on.' }),
    alarms: z.array(z.enum(['NOSPACE'])),
    revision: z.string(),
  })
  .meta({ id: 'StoreUsage' });
type UsageView = DeepReadonly<z.output<typeof usageView>>;

export const storeView = z
  .object({
    usage: usageView,
    members: z.array(z.object({ address: z.string(), ...usageFields, noSpace: z.boolean(), revision: z.string() }).partial().required({ address: true }).extend({ problem: z.string().optional() })),
    collections: z.array(z.object({ collection: z.string(), keys: z.int(), bytes: z.int() })).meta({ description: 'What is stored, without its history; the largest first.' }),
    revision: z.string(),
  })
  .meta({ id: 'Store' });
export type StoreDocument = DeepReadonly<z.output<typeof storeView>>;

export const maintainedView = z.object({ done: z.string().meta({ description: 'One sentence.' }), before: usageView, after: usageView }).meta({ id: 'StoreMaintained' });
export type MaintainedDocument = DeepReadonly<z.output<typeof maintainedView>>;

/** How full etcd is and with what, and what an operator can do about it. The controller leader does it by itself when it is due. */
@Injectable()
export class Store {
  private readonly allowed: StoreMaintenance | undefined;

  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {
    this.allowed = maintenanceOf(dependencies.etcdMembers);
  }

  async show(query: ReadQuery): Promise<StoreDocument> {
    await this.reads.upTo(query);
    const [usage, contents, members] = await Promise.all([this.usage(), collectionSizes(this.dependencies.etcd), this.members()]);
    return { usage, members, collections: contents.sizes, revision: String(contents.revision) };
  }

  async compact({ revision }: CompactQuery, context: RequestContext): Promise<MaintainedDocument> {
    const present = await this.dependencies.etcd.revision();
    if (revision !== undefined && revision > present) throw notThere(revision, present);
    return this.maintain(context, async () => {
      await this.maintenance.compact(revision ?? present);
      return `history before revision ${revision ?? present} is forgotten`;
    });
  }

  defragment(context: RequestContext): Promise<MaintainedDocument> {
    return this.maintain(context, async () => {
      await this.maintenance.defragment();
      return 'each member gave its free pages back';
    });
  }

  disarm(context: RequestContext): Promise<MaintainedDocument> {
    return this.maintain(context, async (before) => {
      const raised = await this.maintenance.disarm();
      if (raised === 0) return 'no alarm was raised';
      const isFull = before.allocatedBytes >= before.quotaBytes * storeDisarmRatio;
      return `the NOSPACE alarm was taken back${isFull ? '; there is no room, so the next write raises it again: compact and defragment first' : ''}`;
    });
  }

  /** It changes no object, so the log of the server is where it is on record. */
  private async maintain(context: RequestContext, act: (before: UsageView) => Promise<string>): Promise<MaintainedDocument> {
    const before = await this.usage();
    const done = await act(before);
    const after = await this.usage();
    this.dependencies.log.info({ principal: context.caller.id, ...loggedRequest(context), before, after }, `an operator maintained etcd: ${done}`);
    return { done, before, after };
  }

  private get maintenance(): StoreMaintenance {
    if (this.allowed) return this.allowed;
    throw new ApiProblem('store_unmanaged', 'etcd tells its administrators alone how full it is, and this process is none: it needs BERTH_ETCD_MAINTENANCE_USERNAME');
  }

  private async usage(): Promise<UsageView> {
    return this.shown(await this.maintenance.usage());
  }

  private shown({ allocatedBytes, usedBytes, noSpace, revision }: StoreUsage): UsageView {
    const { etcdQuotaBytes: quotaBytes } = this.dependencies;
    return { allocatedBytes, usedBytes, quotaBytes, usedShare: usedBytes / quotaBytes, alarms: noSpace ? ['NOSPACE'] : [], revision: String(revision) };
  }

  private members(): Promise<StoreDocument['members']> {
    return Promise.all(
      [...this.dependencies.etcdMembers].map(async ([address, member]) => {
        try {
          const { revision, ...usage } = await new StoreMaintenance(member).usage();
          return { address, ...usage, revision: String(revision) };
        } catch (error) {
          return { address, problem: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
  }
}

function notThere(revision: number, present: number): ApiProblem {
  const problem = problemAt(['revision'], `a revision of at most ${present}`, String(revision));
  return new ApiProblem('revision_unknown', problem.message, { errors: [problem], members: { revision: String(present) } });
}
