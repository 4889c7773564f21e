import fc from 'fast-check';
import type { QuotaUsage } from '../../src/domain/quota';
import { charge, nothingHeld } from '../../src/domain/quota';
import type { QuotaState } from '../../src/domain/quota-audit';
import { auditQuotas, planQuotaRepair, quotaKeysOf } from '../../src/domain/quota-audit';
import type { Amounts } from '../../src/domain/tenancy';

const some = fc.integer({ min: 0, max: 20 });
const amounts: fc.Arbitrary<Amounts> = fc.record({ instances: some, cpuMillicores: some, memoryMib: some, storageMib: some, ports: some, definitions: some });
const owner = fc.record({ org: fc.constantFrom('default', 'o-1', 'o-2'), project: fc.constantFrom('default', 'p-1') });
const held = fc.array(fc.record({ owner, amounts }), { maxLength: 20 });
/** What keys say that were damaged. */
const damages = fc.dictionary(fc.constantFrom('quotas/default', 'quotas/o-1', 'quotas/o-1/p-1', 'quotas/gone'), amounts);

function chargedFor(all: QuotaState['held']): Map<string, QuotaUsage> {
  const usages = new Map<string, QuotaUsage>();
  for (const one of all) {
    for (const key of quotaKeysOf(one.owner)) {
      const outcome = charge(usages.get(key), one.amounts, {});
      if ('value' in outcome) usages.set(key, outcome.value);
    }
  }
  return usages;
}

test('of keys that everything was charged to, nothing is said', () => {
  fc.assert(fc.property(held, (all) => expect(auditQuotas({ held: all, usages: chargedFor(all) })).toEqual([])));
});

test('whatever keys say, after the repair they say what is held', () => {
  fc.assert(
    fc.property(held, damages, (all, said) => {
      const usages = chargedFor(all);
      for (const [key, used] of Object.entries(said)) usages.set(key, { schemaVersion: 1, used });
      const { findings, repairs } = planQuotaRepair({ held: all, usages });
      expect(findings.map(({ object }) => object)).toEqual(repairs.map(({ key }) => key));
      for (const { key, used } of repairs) usages.set(key, { schemaVersion: 1, used });
      expect(auditQuotas({ held: all, usages })).toEqual([]);
    }),
  );
});

test('a difference is named by key and dimension', () => {
  const all = [{ owner: { org: 'default', project: 'p-1' }, amounts: { ...nothingHeld, instances: 1, ports: 2 } }];
  const usages = new Map([['quotas/default', { schemaVersion: 1, used: { ...nothingHeld, instances: 2 } }]]);
  expect(auditQuotas({ held: all, usages })).toEqual([
    { code: 'quota_differs', object: 'quotas/default', message: 'says instances 2 instead of 1, ports 0 instead of 2' },
    { code: 'quota_differs', object: 'quotas/default/p-1', message: 'says instances 0 instead of 1, ports 0 instead of 2' },
  ]);
});
