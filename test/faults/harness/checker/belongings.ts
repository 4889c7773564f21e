import type { Owner } from '../../../../src/domain/header';
import { defaultOrg, defaultProject, platformOrg } from '../../../../src/domain/header';
import type { OrgSpec, ProjectSpec } from '../../../../src/domain/tenancy';
import { keys } from '../../../../src/stores/etcd/keys';
import { ruleAt } from './stale-writes';
import type { StoreState } from './store-state';
import { objectOf } from './store-state';

/** What belongs to an org and a project from its first revision on. */
const owned: readonly string[] = ['instances', 'definitions', 'templates', 'workers'];

/** Whether an owner takes anything new is decided at the very revision at which something comes to it. */
export const belongings = ruleAt('nothing new comes into an org or a project that is suspended, being deleted or gone', (revision, before) =>
  revision.changes.flatMap((change) => {
    const { object, collection, part } = objectOf(change.key);
    if (change.deleted || part !== 'spec' || !owned.includes(collection) || before.get(change.key) !== undefined) return [];
    const reason = whyClosed(change.value as Owner, before);
    return reason === undefined ? [] : [{ rule: 'came-into-closed', object, revision: revision.revision, message: `came into ${reason}` }];
  }),
);

function whyClosed(owner: Owner, before: StoreState): string | undefined {
  const org = before.value<OrgSpec>(keys.orgSpec(owner.org));
  const project = before.value<ProjectSpec>(keys.projectSpec(owner.project));
  if (!org && owner.org !== defaultOrg && owner.org !== platformOrg) return `org ${owner.org}, which is not there`;
  if (org?.suspended || org?.closing) return `org ${owner.org}, which is ${org.suspended ? 'suspended' : 'being deleted'}`;
  if (owner.project === defaultProject) return undefined;
  if (project?.org !== owner.org) return `project ${owner.project}, which is not there`;
  return project.closing ? `project ${owner.project}, which is being deleted` : undefined;
}
