import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { LeaderRole } from '../../stores/etcd/keys';
import { leaderOf } from '../../stores/etcd/leaders';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { ReadQuery } from '../http/queries';
import { Reads } from '../http/reads';
import type { DeepReadonly } from '../http/views';

const leaderView = z.discriminatedUnion('state', [
  z.object({
    role: z.string(),
    state: z.literal('held'),
    holder: z.string().meta({ description: 'Host and process.' }),
    since: z.string(),
    fencingToken: z.string().meta({ description: 'The revision that its commits compare; higher with each leader.' }),
    leaseLeftMs: z.int().meta({ description: 'How long etcd waits for the next renewal.' }),
    leaseTtlMs: z.int(),
  }),
  z.object({ role: z.string(), state: z.literal('vacant') }),
]);

export const leadersView = z.object({ items: z.array(leaderView), revision: z.string() }).meta({ id: 'Leaders' });
export type LeadersDocument = DeepReadonly<z.output<typeof leadersView>>;

const roles: readonly LeaderRole[] = ['scheduler', 'controller'];

/** Who holds the two offices now, as etcd says. */
@Injectable()
export class Leaders {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
  ) {}

  async show(query: ReadQuery): Promise<LeadersDocument> {
    const revision = await this.reads.upTo(query);
    const items = await Promise.all(roles.map((role) => this.leader(role)));
    return { items, revision: String(revision) };
  }

  private async leader(role: LeaderRole): Promise<LeadersDocument['items'][number]> {
    const leader = await leaderOf(this.dependencies.etcd, role);
    if (!leader) return { role, state: 'vacant' };
    const { holder, since, fencingToken, leaseLeftMs, leaseTtlMs } = leader;
    return { role, state: 'held', holder, since, fencingToken: String(fencingToken), leaseLeftMs, leaseTtlMs };
  }
}
