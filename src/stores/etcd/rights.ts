import type { KeyAccess, KeyRight } from '../../domain/key-rights';
import { keysBelow, oneKey } from '../../domain/key-rights';
import { kinds } from '../../domain/kinds';
import { keys } from './keys';

/** Those who speak to etcd, each as a user of its own: the processes, and the commands that an operator runs beside them. */
export const etcdIdentities = ['api', 'control', 'admin'] as const;
export type EtcdIdentity = (typeof etcdIdentities)[number];

/** One thing that an identity does with keys, relative to Berth's prefix: those below one that ends in `/`, or one key. */
export interface Need {
  readonly keys: string;
  readonly access: KeyAccess;
  readonly why: string;
}

const everything: Need = { keys: '', access: 'read', why: 'follows all of it in its watch cache; etcd has a commit read what it compares' };
const outbox: Need = { keys: keys.outboxPrefix, access: 'write', why: 'each commit puts its events there' };
const starting: readonly Need[] = [
  { keys: keys.epoch, access: 'write', why: 'the first process that ever comes opens epoch 1' },
  { keys: keys.migrationLock, access: 'write', why: 'one process at a time migrates MongoDB' },
];
const below = (collection: string): string => `${collection}/`;

/**
 * What each identity does, which is what its role in etcd holds: no more, no less. etcd knows ranges of keys, so that the
 * parts of one object cannot be told apart there; which of them somebody writes is held by the code alone.
 */
export const etcdNeeds: Readonly<Record<EtcdIdentity, readonly Need[]>> = {
  api: [
    everything,
    ...starting,
    outbox,
    { keys: keys.idempotencyPrefix, access: 'write', why: 'the answer to each key of a request' },
    { keys: keys.apisPrefix, access: 'write', why: 'says, on a lease, that it is there: limits are shared among those that are' },
    { keys: below(kinds.Instance.collection), access: 'write', why: 'what is wanted, and what agents saw' },
    { keys: below(kinds.Worker.collection), access: 'write', why: 'what is wanted, what agents saw, their leases, and repairs of the ledger' },
    { keys: below(kinds.Definition.collection), access: 'write', why: 'definitions, and their activation' },
    { keys: 'definition-names/', access: 'write', why: 'claims of names' },
    { keys: below(kinds.WorkerTemplate.collection), access: 'write', why: 'templates' },
    { keys: 'template-names/', access: 'write', why: 'claims of names' },
    ...(['orgs/', 'org-names/', 'projects/', 'project-names/', 'quotas/'] as const).map((prefix) => ({ keys: prefix, access: 'write' as const, why: 'tenancy' })),
    ...(['principals/', 'principal-names/', 'principal-external/', 'tokens/'] as const).map((prefix) => ({ keys: prefix, access: 'write' as const, why: 'who may ask, and by what' })),
  ],
  control: [
    everything,
    ...starting,
    { ...outbox, why: 'each commit puts its events there; the controller leader moves them to the record' },
    { keys: keys.idempotencyPrefix, access: 'write', why: 'records of retries from the Temporal UI; those that are over are taken away' },
    { keys: below(kinds.Instance.collection), access: 'write', why: 'what is, the allocation, and retirement' },
    { keys: below(kinds.Worker.collection), access: 'write', why: 'what is, the ledger, and retirement' },
    { keys: below(kinds.Definition.collection), access: 'write', why: 'retirement' },
    { keys: 'quotas/', access: 'write', why: 'what an end gives back' },
    { keys: 'sweeping/', access: 'write', why: 'the door that is shut while bodies are swept' },
    { keys: keys.leader('scheduler'), access: 'write', why: 'campaigns for the office' },
    { keys: keys.leader('controller'), access: 'write', why: 'campaigns for the office' },
  ],
  admin: [
    everything,
    { keys: keys.epoch, access: 'write', why: 'the first administrator may come before any process' },
    { keys: keys.migrationLock, access: 'write', why: 'migrates MongoDB' },
    outbox,
    ...(['principals/', 'principal-names/', 'tokens/'] as const).map((prefix) => ({ keys: prefix, access: 'write' as const, why: 'makes the administrator and its token' })),
  ],
};

/** Rights as etcd has them, below a prefix that begins and ends with `/`. */
export function neededRights(identity: EtcdIdentity, prefix: string): KeyRight[] {
  return etcdNeeds[identity].map((need) => rightOf(need, prefix));
}

export function rightOf({ keys: relative, access }: Need, prefix: string): KeyRight {
  const key = prefix + relative;
  return { ...(key.endsWith('/') ? keysBelow(key) : oneKey(key)), access };
}
