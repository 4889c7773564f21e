import { admitPrincipal, admitToken } from '../../src/domain/access-admission';
import { defaultProject, platformOrg } from '../../src/domain/header';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { keys } from '../../src/stores/etcd/keys';
import { mintId } from '../../src/api/http/ids';
import { mintTokenSecret } from '../../src/token-secret';

/** The administrator of every world of tests. */
export const administratorId = 'p-administrator';

/** A token of an administrator who was there before anything was recorded: without events, which tests would find among theirs. */
export async function seedAdministrator(etcd: EtcdClient): Promise<string> {
  const id = mintId('k');
  const { token, hash } = mintTokenSecret(id);
  const context = (mintedId: string) => ({ nowMs: Date.now(), mintedId, owner: { org: platformOrg, project: defaultProject }, cause: { actor: 'bootstrap' } });
  const principal = admitPrincipal({ type: 'user', name: 'administrator', roles: ['platform'], scopes: [] }, context(administratorId));
  const spec = admitToken({ principal: administratorId, description: 'of a test', lastsMs: 24 * 60 * 60 * 1000 }, context(id));
  const put = (key: string, value: unknown) => etcd.raw.put(etcd.prefix + key).value(JSON.stringify(value));
  await put(keys.principalSpec(administratorId), principal);
  await put(keys.tokenSpec(id), spec);
  await put(keys.tokenHash(id), { schemaVersion: 1, hash });
  return token;
}
