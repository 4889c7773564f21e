import { limitOf } from '../capacity';
import type { FleetWorker, PlacementRequest } from './fleet';

/**
 * Bin packing: how full the worker would be, the mean of CPU and memory from 0 to 1. Fuller is better,
 * so that others stay free for what is large, and can be given back when nothing is left on them.
 */
export function score(request: PlacementRequest, worker: FleetWorker): number {
  return (utilisation(request, worker, 'cpuMillicores') + utilisation(request, worker, 'memoryMib')) / 2;
}

function utilisation(request: PlacementRequest, worker: FleetWorker, dimension: 'cpuMillicores' | 'memoryMib'): number {
  const limit = limitOf(worker.capacity, dimension, worker.cpuRatio);
  if (limit === 0) return 0;
  return (worker.capacity.allocated[dimension] + request.resources[dimension]) / limit;
}
