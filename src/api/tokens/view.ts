import type { TokenSpec } from '../../domain/principal';
import { keys } from '../../stores/etcd/keys';
import type { WatchCache } from '../../stores/etcd/watch-cache';
import type { HeadEntries } from '../access/heads';
import { headerView } from '../http/views';
import type { TokenView } from './schemas';

/** A token as it is shown. */
export function viewOfToken({ id, spec }: HeadEntries<TokenSpec>, cache: Pick<WatchCache, 'get'>, revision: number): TokenView {
  const { principal, description, scopes, expiresAt, revokedAt, replacedBy } = spec.value;
  const lastUsedAt = (cache.get(keys.tokenUse(id))?.value as { readonly at?: string } | undefined)?.at;
  return {
    ...headerView(spec, { resourceVersion: spec.revision, revision }),
    spec: {
      principal,
      description,
      ...(scopes && { scopes }),
      expiresAt,
      ...(revokedAt !== undefined && { revokedAt }),
      ...(replacedBy !== undefined && { replacedBy }),
    },
    ...(lastUsedAt !== undefined && { lastUsedAt }),
  };
}
