import { mintId } from '../../src/api/http/ids';
import { admitPrincipal, admitToken } from '../../src/domain/access-admission';
import { defaultProject, platformOrg } from '../../src/domain/header';
import type { Owner } from '../../src/domain/header';
import type { Role, Scope } from '../../src/domain/scopes';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { mintTokenSecret } from '../../src/token-secret';

/** The administrator of every world of tests. */
export const administratorId = 'p-administrator';

/** Somebody who was there before anything was recorded. */
export interface Seeded {
  readonly id?: string;
  readonly org?: string;
  readonly roles?: readonly Role[];
  readonly scopes?: readonly Scope[];
  readonly projects?: readonly string[];
}

/** A token of the administrator, and of the platform. */
export function seedAdministrator(etcd: EtcdClient): Promise<string> {
  return seedPrincipal(etcd, { id: administratorId, org: platformOrg, roles: ['platform'] });
}

/** A token of a principal; both come without events, which tests would find among theirs. */
export async function seedPrincipal(etcd: EtcdClient, { id = mintId('p'), org = 'default', roles = [], scopes = [], projects }: Seeded): Promise<string> {
  const tokenId = mintId('k');
  const { token, hash } = mintTokenSecret(tokenId);
  const owner: Owner = { org, project: defaultProject };
  const context = (mintedId: string) => ({ nowMs: Date.now(), mintedId, owner, cause: { actor: 'bootstrap' } });
  const principal = admitPrincipal({ type: 'user', name: id, roles, scopes, ...(projects && { projects }) }, context(id));
  const spec = admitToken({ principal: id, description: 'of a test', lastsMs: 24 * 60 * 60 * 1000 }, context(tokenId));
  const put = (key: string, value: unknown) => etcd.raw.put(etcd.prefix + key).value(JSON.stringify(value));
  await put(keys.principalSpec(id), principal);
  await put(keys.tokenSpec(tokenId), spec);
  await put(keys.tokenHash(tokenId), { schemaVersion: 1, hash });
  return token;
}
