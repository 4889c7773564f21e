import type { Logger } from 'pino';
import type { KeyRight } from '../domain/key-rights';
import { describeRange, missingRights, surplusRights } from '../domain/key-rights';
import type { EtcdClient } from '../stores/etcd/client';
import type { Granted } from '../stores/etcd/granted-rights';
import { grantedRights } from '../stores/etcd/granted-rights';
import type { EtcdIdentity } from '../stores/etcd/rights';
import { neededRights } from '../stores/etcd/rights';
import type { EtcdSettings } from './environment';

/** A process lacks rights in a store: it would fail at some later time, half-way through something. */
export class RightsMissingError extends Error {
  constructor(store: string, user: string, missing: readonly string[], remedy: string) {
    super(`the user ${user} of ${store} lacks:\n${missing.map((each) => `  - ${each}`).join('\n')}\n${remedy}`);
    this.name = 'RightsMissingError';
  }
}

/**
 * Compares what etcd lets this process do with what it does. Warns of each right that is too much, and refuses to go on
 * with one too few. Answers whether it may look after the room in etcd.
 */
export async function checkEtcdRights(client: EtcdClient, settings: EtcdSettings, identity: EtcdIdentity, log: Logger): Promise<{ readonly mayMaintain: boolean }> {
  const user = settings.etcdAccess?.user?.name;
  const granted = await grantedRights(client, user);
  if (granted.kind === 'restricted') return { mayMaintain: checkRestricted(granted, user!, client.prefix, settings, identity, log) };
  if (granted.kind === 'root') log.warn(`etcd lets user ${user} do everything: its role root is too much for ${identity}; give it the role that berth deploy etcd-roles makes, and maintenance a user of its own`);
  else sayUnguarded(user, settings, log);
  return { mayMaintain: true };
}

function checkRestricted({ rights }: Granted & { kind: 'restricted' }, user: string, prefix: string, settings: EtcdSettings, identity: EtcdIdentity, log: Logger): boolean {
  const needed = neededRights(identity, prefix);
  const missing = missingRights(rights, needed);
  if (missing.length > 0) throw new RightsMissingError('etcd', user, missing.map(described), 'give it the role that berth deploy etcd-roles --apply makes');
  for (const right of surplusRights(rights, needed)) log.warn(`etcd lets user ${user} ${described(right)}, which ${identity} never does; take it back with berth deploy etcd-roles --apply`);
  return settings.etcdMaintenanceAccess !== undefined;
}

function sayUnguarded(user: string | undefined, { etcdEndpoints }: EtcdSettings, log: Logger): void {
  const isHere = etcdEndpoints.every((endpoint) => /^https?:\/\/(127\.|localhost|\[::1\])/.test(endpoint));
  const line = `etcd asks nobody who they are: whoever reaches it may do everything${user === undefined ? '' : `, and the user ${user} means nothing to it`}; see docs/deployment.md`;
  // On this machine alone it is how Berth is tried out.
  if (isHere) log.info(line);
  else log.warn(line);
}

function described(right: KeyRight): string {
  return `${right.access === 'readwrite' ? 'read and write' : right.access} ${describeRange(right)}`;
}
