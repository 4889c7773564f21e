import type { PlacementRule } from './rule';

/** Only a running worker can start anything. */
export const workerNotRunning: PlacementRule = {
  code: 'WorkerNotRunning',
  objection: (_, worker) => (worker.phase === 'RUNNING' ? undefined : `is ${worker.phase}, not RUNNING`),
};

/** A worker that shall go gets nothing new, from the revision on at which that was asked. */
export const workerLeaving: PlacementRule = {
  code: 'WorkerLeaving',
  objection: (_, worker) => (worker.intent === 'running' ? undefined : `is to be ${worker.intent}`),
};

/** Nothing new begins on a paused worker. */
export const workerPaused: PlacementRule = {
  code: 'WorkerPaused',
  objection: (_, worker) => (worker.paused ? 'is paused' : undefined),
};

/** Without its agent's lease nobody is there to start anything. */
export const workerOffline: PlacementRule = {
  code: 'WorkerOffline',
  objection: (_, worker) => (worker.online ? undefined : 'is offline'),
};
