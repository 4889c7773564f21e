import type { IPermission } from 'etcd3';
import { EtcdPermissionDeniedError } from 'etcd3';
import type { KeyAccess, KeyRight } from '../../domain/key-rights';
import { oneKey } from '../../domain/key-rights';
import type { EtcdClient } from './client';

/** What etcd lets somebody do. */
export type Granted =
  /** etcd asks nobody who they are. */
  | { readonly kind: 'unguarded' }
  /** An administrator of etcd, who may do everything. */
  | { readonly kind: 'root' }
  | { readonly kind: 'restricted'; readonly rights: readonly KeyRight[] };

/** Asks etcd what it lets a user do. Rejects when it does not answer, and when it wants a user and was given none. */
export async function grantedRights(client: EtcdClient, user: string | undefined): Promise<Granted> {
  const guard = await guardOf(client);
  if (guard !== 'restricted' || user === undefined) return { kind: guard === 'restricted' ? 'root' : guard };
  const { roles } = await client.raw.auth.userGet({ name: user });
  const permissions = await Promise.all(roles.map(async (role) => (await client.raw.auth.roleGet({ role })).perm));
  return { kind: 'restricted', rights: permissions.flat().map(asRight) };
}

/** Only an administrator is told whether etcd asks at all, so that being refused this is an answer, too. */
async function guardOf(client: EtcdClient): Promise<Granted['kind']> {
  try {
    const status = (await client.raw.auth.authStatus()) as { readonly enabled?: boolean };
    return status.enabled === true ? 'root' : 'unguarded';
  } catch (error) {
    if (error instanceof EtcdPermissionDeniedError) return 'restricted';
    throw error;
  }
}

/** Byte by byte, so that keys compare as etcd compares them. */
export function asRight({ permType, key, range_end: end }: IPermission): KeyRight {
  const [from, to] = [key.toString('latin1'), end.toString('latin1')];
  const access = String(permType).toLowerCase() as KeyAccess;
  return { ...(to === '' ? oneKey(from) : { from, to: to === '\0' ? undefined : to }), access };
}
