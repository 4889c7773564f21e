import { Inject, Injectable } from '@nestjs/common';
import { headsOf, refusalOfNew } from '../domain/belonging';
import { defaultProject } from '../domain/header';
import type { Owner } from '../domain/header';
import type { Caller } from '../domain/principal';
import type { Amounts, OrgSpec, ProjectSpec } from '../domain/tenancy';
import type { Entry } from '../stores/etcd/client';
import type { Decision, SharedChange } from '../stores/etcd/commit';
import { onlyIf, unchanged } from '../stores/etcd/decisions';
import { keys } from '../stores/etcd/keys';
import { charging } from '../stores/etcd/quota-changes';
import type { ApiDependencies } from './dependencies';
import { apiDependencies } from './dependencies';
import type { ProblemCode } from './http/problem';
import { problemOfRefusal } from './http/problem';

/** Why something new may not come to belong to an owner. */
export const belongingProblems: readonly ProblemCode[] = ['org_not_found', 'project_not_found', 'org_suspended', 'org_closing'];

/** How much something new takes, and who asks for it: a refusal tells him no more than he may know. */
export interface Charge {
  readonly amounts: Amounts;
  readonly caller: Pick<Caller, 'projects'>;
}

/** The one way by which something new comes to belong to an org and a project. */
@Injectable()
export class Belonging {
  constructor(@Inject(apiDependencies) private readonly dependencies: ApiDependencies) {}

  /**
   * The decision that makes something for an owner, made on the owner's heads as the cache has them: whether it takes
   * anything new, and how much, is then so at the very revision of the commit. Throws what refuses it.
   */
  into(owner: Owner, decision: Decision, charge?: Charge): Decision {
    const org = this.head<OrgSpec>(keys.orgSpec(owner.org));
    const project = this.head<ProjectSpec>(keys.projectSpec(owner.project));
    const found = { org: org?.value, project: project?.value };
    const refusal = refusalOfNew(owner, found);
    if (refusal) throw problemOfRefusal(refusal);
    const decided = onlyIf(decision, unchanged(keys.orgSpec(owner.org), org), unchanged(keys.projectSpec(owner.project), project));
    if (!charge) return decided;
    const heads = headsOf(owner, found);
    const shared = charging(owner, charge.amounts, { org: heads.org?.quota ?? {}, project: heads.project?.quota ?? {} }, charge.caller.projects !== undefined);
    this.refuseAtOnce(shared.changes);
    return { ...decided, shared };
  }

  /**
   * The decision that confines somebody of an org to projects of it, or to none, made on the heads of all of them: it takes somebody new,
   * and none of them is unknown, another org's or being deleted. Throws what refuses it.
   */
  naming(org: string, projects: readonly string[] = [defaultProject], decision: Decision): Decision {
    const orgEntry = this.head<OrgSpec>(keys.orgSpec(org));
    const named = projects.map((project) => {
      const entry = this.head<ProjectSpec>(keys.projectSpec(project));
      const refusal = refusalOfNew({ org, project }, { org: orgEntry?.value, project: entry?.value });
      if (refusal) throw problemOfRefusal(refusal);
      return unchanged(keys.projectSpec(project), entry);
    });
    return onlyIf(decision, unchanged(keys.orgSpec(org), orgEntry), ...named);
  }

  /** Who asks on at the bound is refused by what is known here, and not in the queue of the commits that others of the org wait for. */
  private refuseAtOnce(changes: readonly SharedChange[]): void {
    for (const change of changes) {
      const outcome = change.apply(this.dependencies.cache.get(change.key)?.value);
      if ('refused' in outcome) throw problemOfRefusal({ kind: 'conflict', ...outcome.refused });
    }
  }

  private head<Spec>(key: string): Entry<Spec> | undefined {
    return this.dependencies.cache.get(key) as Entry<Spec> | undefined;
  }
}
