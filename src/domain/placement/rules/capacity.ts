import type { CapacityRefusal, Dimension } from '../../capacity';
import { refusalOfCapacity } from '../../capacity';
import type { PlacementRule } from './rule';

/** Memory is hard: promised once. */
export const notEnoughMemory = capacityRule('NotEnoughMemory', 'memoryMib');

/** Storage is hard: promised once. */
export const notEnoughStorage = capacityRule('NotEnoughStorage', 'storageMib');

/** CPU may be promised `cpuRatio` times over. */
export const notEnoughCpu = capacityRule('NotEnoughCpu', 'cpuMillicores');

function capacityRule(code: CapacityRefusal['code'], dimension: Dimension): PlacementRule {
  return {
    code,
    objection: ({ resources }, { capacity, cpuRatio }) =>
      refusalOfCapacity(capacity, resources, cpuRatio, dimension)?.message,
  };
}
