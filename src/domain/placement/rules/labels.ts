import type { PlacementRule } from './rule';

/** Every label asked for must be there with that value. */
export const labelsMatch: PlacementRule = ({ constraints }, { labels }) => {
  for (const [label, wanted] of Object.entries(constraints.labels)) {
    const found = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (found === wanted) continue;
    const has = found === undefined ? `no label ${label}` : `label ${label}=${found}`;
    return { code: 'LabelsDoNotMatch', message: `has ${has}, ${label}=${wanted} is asked for` };
  }
  return undefined;
};
