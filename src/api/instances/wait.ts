import { hasCommand, wantsRunning } from '../../domain/instance-next';
import type { InstancePhase } from '../../domain/phases';
import { canInstanceReach } from '../../domain/phases';
import type { InstanceEntries } from '../../stores/etcd/objects';
import type { Verdict } from '../http/wait';

const onTheWayUp: readonly InstancePhase[] = ['PENDING', 'SCHEDULED', 'INSTANTIATING', 'RUNNING'];

/**
 * Whether the phase waited for is there, or can no longer come. A status that has not taken the waited-for change of
 * the spec into account (`generation`) says nothing: `RUNNING` just after a stop is the RUNNING from before it.
 */
export function judgeInstance({ spec, status }: InstanceEntries, wanted: InstancePhase, generation: number): Verdict | undefined {
  const { phase, observedGeneration, message, halted } = status.value;
  if (phase === 'TERMINATED') return wanted === 'TERMINATED' ? { reached: true } : { impossible: 'it is TERMINATED' };
  if (spec.value.intent === 'terminated' && wanted !== 'TERMINATED' && wanted !== 'STOPPING') return { impossible: 'it is being terminated' };
  if (observedGeneration < generation) return undefined;
  if (phase === wanted) return { reached: true };
  if (!canInstanceReach(phase, wanted)) return { impossible: `it is ${phase}: ${message}` };
  if (phase === 'FAILED' && !hasCommand(spec.value, status.value) && wanted !== 'TERMINATED') return { impossible: `it is FAILED: ${message}` };
  if (onTheWayUp.includes(wanted) && !wantsRunning(spec.value, status.value)) {
    return { impossible: spec.value.intent === 'running' ? `it was halted: ${halted?.reason}` : 'it was asked to stop' };
  }
  return undefined;
}
