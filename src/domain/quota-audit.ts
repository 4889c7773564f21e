import type { Owner } from './header';
import type { LedgerFinding } from './ledger';
import type { JudgedFinding } from './ledger-repair';
import { mends } from './ledger-repair';
import type { QuotaUsage } from './quota';
import { nothingHeld, quotaDimensions, sumOf, usedOf } from './quota';
import type { Amounts } from './tenancy';

/** Everything that quotas are charged for, and what their keys say, as it was at one revision. */
export interface QuotaState {
  readonly held: ReadonlyArray<{ readonly owner: Owner; readonly amounts: Amounts }>;
  /** By key: `quotas/{org}` of an org, `quotas/{org}/{project}` of a project of it. */
  readonly usages: ReadonlyMap<string, QuotaUsage>;
}

/** What a quota key is to say instead. */
export interface QuotaRepair {
  readonly key: string;
  readonly used: Amounts;
}

/** Sums what is held anew, and names every key that says something else. */
export function auditQuotas(state: QuotaState): LedgerFinding[] {
  const sums = sumsByKey(state);
  const keys = [...new Set([...sums.keys(), ...state.usages.keys()])];
  return keys.flatMap((object) => {
    const message = differencesOfUsage(state.usages.get(object), sums.get(object) ?? nothingHeld);
    return message === '' ? [] : [{ code: 'quota_differs' as const, object, message: `says ${message}` }];
  });
}

/** What is wrong with quotas, and what would be written to mend it: all of it follows from what is held. */
export function planQuotaRepair(state: QuotaState): { readonly findings: readonly JudgedFinding[]; readonly repairs: readonly QuotaRepair[] } {
  const sums = sumsByKey(state);
  const found = auditQuotas(state);
  return {
    findings: found.map((finding) => ({ ...finding, repairable: true, remedy: mends.quota_differs })),
    repairs: found.map(({ object }) => ({ key: object, used: sums.get(object) ?? nothingHeld })),
  };
}

/** How a quota key differs from what it must say, in words; empty when it does not. */
export function differencesOfUsage(usage: QuotaUsage | undefined, expected: Amounts): string {
  const used = usedOf(usage);
  const different = quotaDimensions.filter((dimension) => used[dimension] !== expected[dimension]);
  return different.map((dimension) => `${dimension} ${used[dimension]} instead of ${expected[dimension]}`).join(', ');
}

/** The keys that something of an owner is charged to. */
export function quotaKeysOf({ org, project }: Owner): readonly string[] {
  return [`quotas/${org}`, `quotas/${org}/${project}`];
}

function sumsByKey({ held }: QuotaState): ReadonlyMap<string, Amounts> {
  const sums = new Map<string, Amounts>();
  for (const { owner, amounts } of held) {
    for (const key of quotaKeysOf(owner)) sums.set(key, sumOf([sums.get(key) ?? nothingHeld, amounts]));
  }
  return sums;
}
