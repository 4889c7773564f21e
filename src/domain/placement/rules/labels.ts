import type { PlacementRule } from './rule';

/** Every label asked for must be there with that value. */
export const labelsDoNotMatch: PlacementRule = {
  code: 'LabelsDoNotMatch',
  objection(request, worker) {
    for (const [label, wanted] of Object.entries(request.constraints.labels)) {
      if (!Object.hasOwn(worker.labels, label)) return `has no label ${label}, ${label}=${wanted} is asked for`;
      const found = worker.labels[label];
      if (found !== wanted) return `has label ${label}=${found}, ${label}=${wanted} is asked for`;
    }
    return undefined;
  },
};
