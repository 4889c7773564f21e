import { Inject, Injectable } from '@nestjs/common';
import { defaultOrg, platformOrg } from '../../domain/header';
import type { OrgSpec } from '../../domain/tenancy';
import type { Entry } from '../../stores/etcd/client';
import type { Compare } from '../../stores/etcd/commit';
import { unchanged } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ApiProblem } from '../http/problem';

/** The org that something new is to belong to, as it was read. */
export interface Home {
  readonly org: string;
  readonly entry: Entry<OrgSpec> | undefined;
}

/** Looks whether an org takes new principals and tokens. */
@Injectable()
export class Homes {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /** `certain`: as it is there now, not as the cache remembers it. */
  async of(org: string, certain: boolean): Promise<Home> {
    if (org === platformOrg) return { org, entry: undefined };
    const key = keys.orgSpec(org);
    const cached = certain ? undefined : this.dependencies.cache.get(key);
    return { org, entry: (cached ?? (await this.dependencies.etcd.get(key))) as Entry<OrgSpec> | undefined };
  }
}

/** What a decision about somebody of an org relies on. Throws where the org takes nobody new. */
export function openHome({ org, entry }: Home): readonly Compare[] {
  if (org === platformOrg) return [];
  if (entry === undefined && org !== defaultOrg) throw new ApiProblem('org_not_found', `there is no organisation ${org}`);
  if (entry?.value.suspended) throw new ApiProblem('org_suspended', `organisation ${org} is suspended and takes nobody new`);
  if (entry?.value.closing) throw new ApiProblem('invalid_transition', `organisation ${org} is being deleted and takes nobody new`);
  return [unchanged(keys.orgSpec(org), entry)];
}
