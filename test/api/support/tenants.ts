import { mintId } from '../../../src/api/http/ids';
import { admitPrincipal, admitToken } from '../../../src/domain/access-admission';
import type { QuotaUsage } from '../../../src/domain/quota';
import { usedOf } from '../../../src/domain/quota';
import type { Amounts, OrgSpec, ProjectSpec } from '../../../src/domain/tenancy';
import type { PrincipalSpec } from '../../../src/domain/principal';
import { keys } from '../../../src/stores/etcd/keys';
import { mintTokenSecret } from '../../../src/token-secret';
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

  /** A principal of an org; answers the header by which it is let in. */
  async principal(org: string, differences: Partial<Pick<PrincipalSpec, 'roles' | 'scopes' | 'projects'>> = {}): Promise<{ authorization: string }> {
    const [id, tokenId] = [mintId('p'), mintId('k')];
    const { token, hash } = mintTokenSecret(tokenId);
    const context = (mintedId: string) => ({ nowMs: Date.now(), mintedId, owner: { org, project: 'default' }, cause: { actor: 'test' } });
    await this.put(keys.principalSpec(id), admitPrincipal({ type: 'service', name: id, roles: ['admin'], scopes: [], ...differences }, context(id)));
    await this.put(keys.tokenHash(tokenId), { schemaVersion: 1, hash });
    await this.put(keys.tokenSpec(tokenId), admitToken({ principal: id, description: 'of a test', lastsMs: 60 * 60 * 1000 }, context(tokenId)));
    return { authorization: `Bearer ${token}` };
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
