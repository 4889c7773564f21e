import { patchedLimits, quotaLimits, quotaLimitsPatch } from '../../src/api/quota/schemas';

test('limits are written as the amounts of documents are, and kept as they are counted', () => {
  const given = quotaLimits.parse({ instances: 50, cpu: '250m', memory: '1.5Gi', storage: '10Gi', ports: 100, definitions: 0 });
  expect(patchedLimits({}, given)).toEqual({ instances: 50, cpuMillicores: 250, memoryMib: 1536, storageMib: 10_240, ports: 100, definitions: 0 });
  expect(patchedLimits({}, quotaLimits.parse({ cpu: 2000 }))).toEqual({ cpuMillicores: 2_000_000 });
});

test('a patch leaves what it does not name, and null takes a bound away, or all of them', () => {
  const former = { instances: 5, ports: 10 };
  expect(patchedLimits(former, quotaLimitsPatch.parse({ memory: '64Mi' }))).toEqual({ ...former, memoryMib: 64 });
  expect(patchedLimits(former, quotaLimitsPatch.parse({ instances: null, ports: 3 }))).toEqual({ ports: 3 });
  expect(patchedLimits(former, quotaLimitsPatch.parse(null))).toEqual({});
  expect(former).toEqual({ instances: 5, ports: 10 });
});

const wrong: readonly object[] = [{ instances: -1 }, { instances: 1.5 }, { instances: '5' }, { instances: 1e9 }, { memory: 64 }, { cpu: '-1' }, { gpus: 1 }, { cpuMillicores: 1 }];

test.each(wrong.map((given) => [given] as const))('limits %j are refused', (given) => {
  expect(quotaLimits.safeParse(given).success).toBe(false);
  expect(quotaLimitsPatch.safeParse(given).success).toBe(false);
});
