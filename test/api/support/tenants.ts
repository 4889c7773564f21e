import type { QuotaUsage } from '../../../src/domain/quota';
import { usedOf } from '../../../src/domain/quota';
import type { Amounts, OrgSpec, ProjectSpec } from '../../../src/domain/tenancy';
import { keys } from '../../../src/stores/etcd/keys';
import type { TestApi } from './test-api';

const header = {
  schemaVersion: 1,
  generation: 1,
  createdAt: '2026-11-21T10:00:00.000Z',
  updatedAt: '2026-11-21T10:00:00.000Z',
  labels: {},
  paused: false,
  cause: { actor: 'test' },
  sequence: 1,
  closing: false,
  quota: {},
};

/** Heads of orgs and projects, put as they are to be; every replica given knows of them before anybody goes on. */
export class Tenants {
  constructor(private readonly replicas: readonly TestApi[]) {}

  org(id: string, differences: Partial<OrgSpec> = {}): Promise<void> {
    const spec: OrgSpec = { ...header, kind: 'Org', id, org: id, project: 'default', name: id, displayName: id, suspended: false, ...differences };
    return this.put(keys.orgSpec(id), spec);
  }

  project(id: string, differences: Partial<ProjectSpec> = {}): Promise<void> {
    const spec: ProjectSpec = { ...header, kind: 'Project', id, org: 'default', project: id, name: id, displayName: id, ...differences };
    return this.put(keys.projectSpec(id), spec);
  }

  /** What the store itself says that an org or a project holds. */
  async used(org = 'default', project?: string): Promise<Amounts> {
    const entry = await this.replicas[0]!.dependencies.etcd.get(keys.quota(org, project));
    return usedOf(entry?.value as QuotaUsage | undefined);
  }

  private async put(key: string, value: unknown): Promise<void> {
    const { etcd } = this.replicas[0]!.dependencies;
    await etcd.raw.put(etcd.prefix + key).value(JSON.stringify(value));
    const revision = await etcd.revision();
    for (const { dependencies } of this.replicas) await dependencies.cache.waitForRevision(revision, 5_000);
  }
}
