import { platformOrg } from '../../header';
import type { PlacementRule } from './rule';

/** A worker that is dedicated to an org takes nothing of another one; the platform's take everybody's. */
export const isOpenToOrg: PlacementRule = ({ org }, worker) =>
  worker.org === platformOrg || worker.org === org ? undefined : { code: 'WorkerOfAnotherOrg', message: 'is dedicated to another org' };
