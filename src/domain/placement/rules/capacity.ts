import { refusalOfCapacity } from '../../capacity';
import type { PlacementRule } from './rule';

/** Memory is hard: promised once. */
export const memorySuffices: PlacementRule = ({ resources }, { capacity, cpuRatio }) =>
  refusalOfCapacity(capacity, resources, cpuRatio, 'memoryMib');

/** Storage is hard: promised once. */
export const storageSuffices: PlacementRule = ({ resources }, { capacity, cpuRatio }) =>
  refusalOfCapacity(capacity, resources, cpuRatio, 'storageMib');

/** CPU may be promised `cpuRatio` times over. */
export const cpuSuffices: PlacementRule = ({ resources }, { capacity, cpuRatio }) =>
  refusalOfCapacity(capacity, resources, cpuRatio, 'cpuMillicores');
