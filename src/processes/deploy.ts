import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeRange } from '../domain/key-rights';
import { EtcdClient } from '../stores/etcd/client';
import { etcdIdentities, etcdNeeds, rightOf } from '../stores/etcd/rights';
import { dueDeeds, roleName } from '../stores/etcd/role-administration';
import { bootstrapToken } from './bootstrap';
import type { EtcdSettings } from './environment';
import { readSettings } from './environment';
import { etcdOptions } from './stores';

/** How roles and users are brought to etcd. */
export interface RoleWishes {
  /** Without it nothing is written, neither to etcd nor to disk. */
  readonly apply: boolean;
  /** Also has etcd ask everybody who they are, from now on. */
  readonly enable: boolean;
  /** Where a password file for each user is, or will be. */
  readonly passwords: string;
}

/**
 * Brings the roles and users of Berth to the etcd that the environment names; answers what was, or would be, done, in
 * sentences. Repeated it does what is still to be done.
 */
export async function deployEtcdRoles(environment: NodeJS.ProcessEnv, { apply, enable, passwords }: RoleWishes): Promise<string[]> {
  const { etcdMaintenanceAccess, ...settings } = etcdSettingsOf(environment);
  return withEtcd({ ...settings, etcdAccess: etcdMaintenanceAccess ?? settings.etcdAccess }, async (client) => {
    const deeds = await dueDeeds(client, (user) => passwordIn(passwords, user), { enable });
    if (apply) for (const { act } of deeds) await act();
    return deeds.map(({ what }) => what);
  });
}

/**
 * A token of the platform's administrator at the etcd that the environment names: how the first person gets in, before
 * anybody can be asked for leave. It asks for the keys of etcd instead.
 */
export function deployAdministrator(environment: NodeJS.ProcessEnv): Promise<string> {
  return withEtcd(etcdSettingsOf(environment), (client) => bootstrapToken(client, 'the way in, made by berth deploy administrator'));
}

/** Of the environment only what etcd takes: no other server is spoken to. */
function etcdSettingsOf(environment: NodeJS.ProcessEnv): EtcdSettings {
  return readSettings({ BERTH_TEMPORAL_ADDRESS: 'unused:1', BERTH_MONGODB_URI: 'mongodb://unused', ...environment });
}

async function withEtcd<T>(settings: EtcdSettings, use: (client: EtcdClient) => Promise<T>): Promise<T> {
  const client = new EtcdClient(etcdOptions(settings));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** The password that the user's file holds; made, for its owner's eyes only, if there is none. */
function passwordIn(directory: string, user: string): string {
  const file = join(directory, user);
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const password = randomBytes(32).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** The roles as a document, for who brings them to etcd by other means and for people who want to know. */
export function etcdRolesDocument(prefix: string): string {
  const roles = etcdIdentities.map((identity) => ({
    role: roleName(identity),
    permissions: etcdNeeds[identity].map((need) => {
      const { from, to, access } = rightOf(need, prefix);
      return { access, keys: describeRange({ from, to }), key: from, ...(to !== `${from}\0` && { rangeEnd: to }), why: need.why };
    }),
  }));
  return `${JSON.stringify({ prefix, roles }, undefined, 2)}\n`;
}
