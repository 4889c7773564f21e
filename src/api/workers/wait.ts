import { hasCommand } from '../../domain/instance-next';
import type { WorkerPhase } from '../../domain/phases';
import { mayWorkerGo, workerPhases } from '../../domain/phases';
import type { WorkerEntries } from '../../stores/etcd/objects';
import type { Verdict } from '../http/wait';

const onTheWayOut: readonly WorkerPhase[] = ['DRAINING', 'STOPPING', 'STOPPED', 'TERMINATED'];

/** Whether the phase waited for is there, or can no longer come; as for instances. */
export function judgeWorker({ spec, status }: WorkerEntries, wanted: WorkerPhase, generation: number): Verdict | undefined {
  const { phase, observedGeneration, message } = status.value;
  if (phase === 'TERMINATED') return wanted === 'TERMINATED' ? { reached: true } : { impossible: 'it is TERMINATED' };
  if (spec.value.intent === 'terminated' && !onTheWayOut.includes(wanted)) return { impossible: 'it is being terminated' };
  if (observedGeneration < generation) return undefined;
  if (phase === wanted) return { reached: true };
  if (!canReach(phase, wanted)) return { impossible: `it is ${phase}: ${message}` };
  if (phase === 'FAILED' && !hasCommand(spec.value, status.value) && wanted !== 'TERMINATED') return { impossible: `it is FAILED: ${message}` };
  return undefined;
}

function canReach(from: WorkerPhase, to: WorkerPhase): boolean {
  const reached = new Set<WorkerPhase>([from]);
  for (const phase of reached) for (const next of workerPhases) if (mayWorkerGo(phase, next)) reached.add(next);
  return reached.has(to);
}
