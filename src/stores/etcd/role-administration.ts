import type { IPermission } from 'etcd3';
import { EtcdRoleNotFoundError, EtcdUserNotFoundError } from 'etcd3';
import type { KeyRight } from '../../domain/key-rights';
import { describeRange, missingRights, surplusRights } from '../../domain/key-rights';
import type { EtcdClient } from './client';
import { asRight } from './granted-rights';
import type { EtcdIdentity } from './rights';
import { etcdIdentities, neededRights } from './rights';

/** Role and user of an identity have one name. */
export function roleName(identity: EtcdIdentity): string {
  return `berth-${identity}`;
}

/** Who keeps room in etcd and copies it: etcd gives what that takes to its own role `root` alone. */
export const maintenanceUser = 'berth-maintenance';
const rootRole = 'root';

/** One thing to do at etcd, as people are told of it. */
export interface Deed {
  readonly what: string;
  readonly act: () => Promise<unknown>;
}

/**
 * What has yet to be done for etcd to have the roles and users that Berth needs, and those roles no right beside it. Reads
 * alone. `passwordOf` is asked for each user that is not there yet.
 */
export async function dueDeeds(client: EtcdClient, passwordOf: (user: string) => string, { enable }: { readonly enable: boolean }): Promise<Deed[]> {
  const { auth } = client.raw;
  const deeds: Deed[] = [];
  for (const identity of etcdIdentities) {
    const role = roleName(identity);
    const held = await orAbsent(auth.roleGet({ role }), EtcdRoleNotFoundError);
    if (held === undefined) deeds.push({ what: `make role ${role}`, act: () => auth.roleAdd({ name: role }) });
    deeds.push(...permissionDeeds(client, role, held?.perm ?? [], neededRights(identity, client.prefix)));
    deeds.push(...(await userDeeds(client, role, role, passwordOf)));
  }
  deeds.push(...(await userDeeds(client, maintenanceUser, rootRole, passwordOf)));
  if (!enable) return deeds;
  // etcd does not ask anybody who they are before there is a user of this name.
  deeds.push(...(await userDeeds(client, rootRole, rootRole, passwordOf)));
  const { enabled } = (await auth.authStatus()) as { readonly enabled?: boolean };
  return enabled === true ? deeds : [...deeds, { what: 'have etcd ask everybody who they are', act: () => auth.authEnable() }];
}

/** Ranges are taken and given whole, as etcd keeps them. */
function permissionDeeds(client: EtcdClient, role: string, held: readonly IPermission[], needed: readonly KeyRight[]): Deed[] {
  const { auth } = client.raw;
  const surplus = held.filter((permission) => surplusRights([asRight(permission)], needed).length > 0);
  const left = held.filter((permission) => !surplus.includes(permission)).map(asRight);
  return [
    ...surplus.map((permission) => ({
      what: `take ${described(asRight(permission))} from role ${role}`,
      act: () => auth.roleRevokePermission({ role, key: permission.key, range_end: permission.range_end }),
    })),
    ...needed
      .filter((right) => missingRights(left, [right]).length > 0)
      .map((right) => ({ what: `give ${described(right)} to role ${role}`, act: () => auth.roleGrantPermission({ name: role, perm: asPermission(right) }) })),
  ];
}

async function userDeeds(client: EtcdClient, name: string, role: string, passwordOf: (user: string) => string): Promise<Deed[]> {
  const { auth } = client.raw;
  const user = await orAbsent(auth.userGet({ name }), EtcdUserNotFoundError);
  return [
    ...(user === undefined ? [{ what: `make user ${name}`, act: () => auth.userAdd({ name, password: passwordOf(name) }) }] : []),
    ...(user?.roles.includes(role) ? [] : [{ what: `give role ${role} to user ${name}`, act: () => auth.userGrantRole({ user: name, role }) }]),
    // Whatever else it holds is somebody's wish, which its process tells of when it starts.
  ];
}

function described(right: KeyRight): string {
  return `${right.access} of ${describeRange(right)}`;
}

const permissionNames = { read: 'Read', write: 'Write', readwrite: 'Readwrite' } as const;

function asPermission({ from, to, access }: KeyRight): IPermission {
  const end = to === `${from}\0` ? '' : (to ?? '\0');
  return { permType: permissionNames[access], key: Buffer.from(from, 'latin1'), range_end: Buffer.from(end, 'latin1') };
}

async function orAbsent<T>(asked: Promise<T>, absent: new (message: string) => Error): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof absent) return undefined;
    throw error;
  }
}
