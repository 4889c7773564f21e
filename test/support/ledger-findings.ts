import type { LedgerFinding } from '../../src/domain/ledger';
import { auditLedger } from '../../src/domain/ledger';
import { auditQuotas } from '../../src/domain/quota-audit';
import type { EtcdClient } from '../../src/stores/etcd/client';
import { ledgerOf, quotasOf } from '../../src/stores/etcd/ledger-state';
import { FreshObjects } from '../../src/stores/etcd/objects';

/** What is wrong with the ledger and the quotas of everything under a prefix, as it is now. */
export async function ledgerFindings(etcd: EtcdClient): Promise<LedgerFinding[]> {
  const state = await new FreshObjects(etcd).everything();
  return [...auditLedger(ledgerOf(state)), ...auditQuotas(quotasOf(state))];
}
