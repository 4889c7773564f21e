import { admitPrincipal, admitToken } from '../../../src/domain/access-admission';
import { mintId } from '../../../src/api/http/ids';
import type { Role } from '../../../src/domain/scopes';
import { keys } from '../../../src/stores/etcd/keys';
import { createDecision } from '../../../src/stores/etcd/decisions';
import { mintTokenSecret } from '../../../src/token-secret';
import type { TestApi } from './test-api';

/** Somebody who asks. */
export interface TestCaller {
  readonly id: string;
  readonly token: string;
  readonly tokenId: string;
  /** For a request. */
  readonly headers: { readonly authorization: string };
}

/** A principal of an org with a token of its own. */
export async function makeCaller(api: TestApi, of: { readonly org: string; readonly roles: readonly Role[]; readonly projects?: readonly string[] }): Promise<TestCaller> {
  const { committer } = api.dependencies;
  const nowMs = Date.now();
  const asking = (mintedId: string) => ({ nowMs, mintedId, owner: { org: of.org, project: 'default' }, cause: { actor: 'test' } });
  const id = mintId('p');
  const wanted = { type: 'user', name: id, roles: of.roles, scopes: [], ...(of.projects && { projects: of.projects }) } as const;
  const principal = admitPrincipal(wanted, asking(id));
  await committer.commit(createDecision({ header: principal, puts: { spec: principal }, eventType: 'berth.principal.created' }));
  const tokenId = mintId('k');
  const { token, hash } = mintTokenSecret(tokenId);
  const spec = admitToken({ principal: id, description: 'of a test', lastsMs: 3_600_000 }, asking(tokenId));
  const decision = createDecision({ header: spec, puts: { spec }, eventType: 'berth.token.created' });
  await committer.commit({ ...decision, puts: [...decision.puts, { key: keys.tokenHash(tokenId), value: { schemaVersion: 1, hash } }] });
  return { id, token, tokenId, headers: { authorization: `Bearer ${token}` } };
}
