import type { PlacementRule } from './rule';

/** Only a running worker can start anything. */
export const workerRuns: PlacementRule = (_, { phase }) =>
  phase === 'RUNNING' ? undefined : { code: 'WorkerNotRunning', message: `is ${phase}, not RUNNING` };

/** A worker that shall go gets nothing new, from the revision on at which that was asked. */
export const workerStays: PlacementRule = (_, { intent }) =>
  intent === 'running' ? undefined : { code: 'WorkerLeaving', message: `is to be ${intent}` };

/** Nothing new begins on a paused worker. */
export const workerIsNotPaused: PlacementRule = (_, { paused }) =>
  paused ? { code: 'WorkerPaused', message: 'is paused' } : undefined;

/** Without its agent's lease nobody is there to start anything. */
export const workerIsOnline: PlacementRule = (_, { online }) =>
  online ? undefined : { code: 'WorkerOffline', message: 'is offline' };
