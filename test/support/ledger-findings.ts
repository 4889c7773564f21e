import type { LedgerFinding } from '../../src/domain/ledger';
import { auditLedger } from '../../src/domain/ledger';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { ledgerOf } from '../../src/stores/etcd/ledger-state';
import { FreshObjects } from '../../src/stores/etcd/objects';

/** What is wrong with the ledger of everything under a prefix, as it is now. */
export async function ledgerFindings(etcd: EtcdClient): Promise<LedgerFinding[]> {
  return auditLedger(ledgerOf(await new FreshObjects(etcd).everything()));
}
