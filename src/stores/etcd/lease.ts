import type { EtcdClient } from './client';
import { encode } from './client';

/**
 * Grants, renews and revokes leases one call at a time. etcd3's own lease object renews by itself and notices a
 * loss only after twice the time to live, which is too late for a leader and of no use to a server that renews on
 * behalf of somebody else.
 */
export class Leases {
  constructor(private readonly client: EtcdClient) {}

  /** Grants a lease; answers its id. */
  async grant(ttlMs: number): Promise<string> {
    const granted = await this.client.raw.leaseClient.leaseGrant({ TTL: Math.ceil(ttlMs / 1000) });
    return granted.ID;
  }

  /** Renews once; false when the lease is gone. */
  async renew(leaseId: string, timeoutMs: number): Promise<boolean> {
    const stream = await this.client.raw.leaseClient.leaseKeepAlive();
    return new Promise<boolean>((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        stream.end();
        settle();
      };
      const timer = setTimeout(() => {
        stream.cancel();
        finish(() => reject(new Error(`etcd did not renew lease ${leaseId} within ${timeoutMs} ms`)));
      }, timeoutMs);
      stream.on('data', (answer: { TTL: string }) => finish(() => resolve(Number(answer.TTL) > 0)));
      stream.on('error', (error: Error) => finish(() => reject(error)));
      stream.write({ ID: leaseId });
    });
  }

  async revoke(leaseId: string): Promise<void> {
    await this.client.raw.leaseClient.leaseRevoke({ ID: leaseId });
  }

  /**
   * Puts a key that lives as long as the lease. With `onlyIfAbsent` it is left alone when it exists;
   * answers the revision of the put, or undefined when it was left alone.
   */
  async put(key: string, value: unknown, leaseId: string, onlyIfAbsent: boolean): Promise<number | undefined> {
    // Past the circuit breaker, as all that has to do with leases: an office is neither lost nor left vacant on its account.
    const response = await this.client.raw.kv.txn({
      compare: onlyIfAbsent ? [{ key: this.client.key(key), target: 'Create', result: 'Equal', create_revision: '0' }] : [],
      success: [{ request_put: { key: this.client.key(key), value: encode(value), lease: leaseId } }],
      failure: [],
    });
    return response.succeeded ? Number(response.header.revision) : undefined;
  }
}
