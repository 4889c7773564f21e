import fc from 'fast-check';
import { admitInstance } from '../../src/domain/admission';
import { headsOf, refusalOfNew } from '../../src/domain/belonging';
import type { QuotaUsage } from '../../src/domain/quota';
import { charge, chargeOfDefinition, chargeOfInstance, giveBack, heldByDefinition, heldByInstance, nothingHeld, quotaDimensions, remainingOf, sumOf, usedOf } from '../../src/domain/quota';
import { retryPolicyDefault } from '../../src/domain/retry';
import type { Amounts, OrgSpec, ProjectSpec, QuotaLimits } from '../../src/domain/tenancy';
import { definitionSpec } from '../support/domain-objects';

const some = fc.integer({ min: 0, max: 20 });
const amounts: fc.Arbitrary<Amounts> = fc.record({ instances: some, cpuMillicores: some, memoryMib: some, storageMib: some, ports: some, definitions: some });
const limits: fc.Arbitrary<QuotaLimits> = fc.record(
  { instances: fc.integer({ min: 0, max: 60 }), cpuMillicores: fc.integer({ min: 0, max: 60 }), definitions: fc.integer({ min: 0, max: 60 }) },
  { requiredKeys: [] },
);

/** What a client does with the quota: asks for something, or gives back the oldest or the latest of what it was granted. */
const deeds = fc.array(fc.oneof(fc.record({ ask: amounts }), fc.record({ giveBack: fc.constantFrom('oldest', 'latest') })), { maxLength: 60 });

test('whatever is asked for and given back in whatever order, the usage is the sum of what is held, and within its bounds', () => {
  fc.assert(
    fc.property(deeds, limits, (asked, bounds) => {
      const held: Amounts[] = [];
      let usage: QuotaUsage | undefined;
      for (const deed of asked) {
        if ('ask' in deed) {
          const outcome = charge(usage, deed.ask, bounds);
          if ('refused' in outcome) {
            const { dimension, limit, usage: before, requested } = outcome.refused;
            expect([limit, before, requested]).toEqual([bounds[dimension], usedOf(usage)[dimension], deed.ask[dimension]]);
            expect(before + requested).toBeGreaterThan(limit);
          } else {
            usage = outcome.value;
            held.push(deed.ask);
          }
        } else {
          const freed = deed.giveBack === 'oldest' ? held.shift() : held.pop();
          if (freed) usage = giveBack(usage, freed);
        }
        const used = usedOf(usage);
        expect(used).toEqual(sumOf(held));
        for (const dimension of quotaDimensions) expect(used[dimension]).toBeLessThanOrEqual(bounds[dimension] ?? Infinity);
      }
    }),
  );
});

test('what is given back never makes less than nothing, whatever the key says', () => {
  fc.assert(
    fc.property(fc.option(amounts, { nil: undefined }), fc.array(amounts, { maxLength: 5 }), (said, given) => {
      let usage: QuotaUsage | undefined = said && { schemaVersion: 1, used: said };
      for (const one of given) usage = giveBack(usage, one);
      for (const dimension of quotaDimensions) expect(usedOf(usage)[dimension]).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('a refusal is the first bound that is broken, and what is asked for nothing of is not bounded', () => {
  const usage: QuotaUsage = { schemaVersion: 1, used: { ...nothingHeld, instances: 5, memoryMib: 900 } };
  const bounds = { instances: 3, memoryMib: 1000 };
  expect(charge(usage, { ...nothingHeld, memoryMib: 101 }, bounds)).toEqual({ refused: { dimension: 'memoryMib', limit: 1000, usage: 900, requested: 101 } });
  expect(charge(usage, { ...nothingHeld, instances: 1, memoryMib: 101 }, bounds)).toMatchObject({ refused: { dimension: 'instances', limit: 3, usage: 5, requested: 1 } });
  expect(charge(usage, { ...nothingHeld, memoryMib: 100, ports: 9 }, bounds)).toMatchObject({ value: { used: { instances: 5, memoryMib: 1000, ports: 9 } } });
});

test('fields of a newer program stay in the value', () => {
  const usage = { schemaVersion: 1, used: { ...nothingHeld, gpus: 2 }, since: 'ever' } as QuotaUsage;
  const charged = charge(usage, chargeOfDefinition, {});
  expect(charged).toEqual({ value: { schemaVersion: 1, since: 'ever', used: { ...nothingHeld, gpus: 2, definitions: 1 } } });
  expect('value' in charged && giveBack(charged.value, chargeOfDefinition)).toEqual(usage);
});

test('what remains is told of what is bounded, and is nothing where a bound was lowered', () => {
  expect(remainingOf({ instances: 3, ports: 10 }, { ...nothingHeld, instances: 5, ports: 4, definitions: 7 })).toEqual({ instances: 0, ports: 6 });
});

test('an instance holds what it was charged for until it is asked to end, and one of before holds nothing', () => {
  const { spec } = admitInstance(
    {
      definition: definitionSpec(),
      resources: { cpuMillicores: 100, memoryMib: 64, storageMib: 16 },
      ports: [{ name: 'a', protocol: 'tcp' }, { name: 'b', protocol: 'udp' }],
      constraints: { labels: {} },
      labels: {},
      priority: 0,
      restart: { policy: 'never' },
      retry: retryPolicyDefault,
    },
    { nowMs: 0, mintedId: 'i-1', owner: { org: 'default', project: 'default' }, cause: { actor: 'user:local' } },
  );
  const charged = { instances: 1, cpuMillicores: 100, memoryMib: 64, storageMib: 16, ports: 2, definitions: 0 };
  expect(chargeOfInstance(spec)).toEqual(charged);
  expect(heldByInstance(spec)).toEqual(charged);
  expect(heldByInstance({ ...spec, intent: 'stopped' })).toEqual(charged);
  expect(heldByInstance({ ...spec, intent: 'terminated' })).toBeUndefined();
  const { charged: _charged, ...ofBefore } = spec;
  expect(heldByInstance(ofBefore)).toBeUndefined();
});

test('a definition version holds its place until it is deleted', () => {
  expect(heldByDefinition({ charged: true }, 'DEPRECATED')).toEqual(chargeOfDefinition);
  expect(heldByDefinition({ charged: true }, 'DELETED')).toBeUndefined();
  expect(heldByDefinition({}, 'ACTIVE')).toBeUndefined();
});

describe('what is new comes to belong', () => {
  const org = { suspended: false, closing: false } as OrgSpec;
  const project = { org: 'o-1', closing: false } as ProjectSpec;

  test.each<[owner: string, found: { org?: OrgSpec; project?: ProjectSpec }, code: string | undefined]>([
    ['default/default', {}, undefined],
    ['platform/default', {}, undefined],
    ['o-1/default', { org }, undefined],
    ['o-1/p-1', { org, project }, undefined],
    ['o-1/default', {}, 'org_not_found'],
    ['o-1/default', { org: { ...org, suspended: true } }, 'org_suspended'],
    ['default/default', { org: { ...org, suspended: true } }, 'org_suspended'],
    ['o-1/default', { org: { ...org, closing: true } }, 'org_closing'],
    ['o-1/p-1', { org }, 'project_not_found'],
    ['o-1/p-1', { org, project: { ...project, org: 'o-2' } }, 'project_not_found'],
    ['o-1/p-1', { org, project: { ...project, closing: true } }, 'org_closing'],
    ['o-1/default', { org, project: { ...project, org: 'o-2', closing: true } }, undefined],
  ])('to %s, with heads %j: %s', (owner, { org: orgFound, project: projectFound }, code) => {
    const [orgId = '', projectId = ''] = owner.split('/');
    const found = { org: orgFound, project: projectFound };
    expect(refusalOfNew({ org: orgId, project: projectId }, found)?.code).toBe(code);
  });

  test('with the bounds of its own project alone', () => {
    expect(headsOf({ org: 'o-2', project: 'p-1' }, { org, project }).project).toBeUndefined();
    expect(headsOf({ org: 'o-1', project: 'p-1' }, { org, project }).project).toBe(project);
  });
});
