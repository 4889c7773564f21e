import type { EtcdClient } from './client';
import { decode } from './client';
import type { LeaderRole } from './keys';
import { keys } from './keys';
import type { LeaderValue } from './leadership';

/** Who holds an office, by what etcd knows. */
export interface Leader extends LeaderValue {
  /** The revision at which the leader key was made: what its commits compare, and higher with each leader. */
  readonly fencingToken: number;
  /** How long etcd waits for the next renewal before it gives the office away. */
  readonly leaseLeftMs: number;
  readonly leaseTtlMs: number;
}

/** The present leader; undefined while the office is vacant. */
export async function leaderOf(client: EtcdClient, role: LeaderRole): Promise<Leader | undefined> {
  const { kvs } = await client.raw.kv.range({ key: client.key(keys.leader(role)) });
  const [kv] = kvs;
  if (!kv) return undefined;
  const lease = await client.raw.leaseClient.leaseTimeToLive({ ID: kv.lease, keys: false });
  const { TTL, grantedTTL } = lease;
  // Counted down to nothing: the key goes with it.
  if (Number(TTL) < 0) return undefined;
  return { ...(decode(kv.value) as LeaderValue), fencingToken: Number(kv.create_revision), leaseLeftMs: Number(TTL) * 1000, leaseTtlMs: Number(grantedTTL) * 1000 };
}
