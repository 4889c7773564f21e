import type { Answer } from '../domain/answer';
import type { InstanceStep } from '../domain/instance-steps';
import type { Next } from '../domain/next';
import { isStuck } from '../domain/stuck';
import type { WorkerStep } from '../domain/worker-steps';
import type { InstanceEntries, WorkerEntries } from '../stores/etcd/objects';
import { resourceVersion } from '../stores/etcd/objects';

/** What an instance's lifecycle is told, and what people see of it. */
export function answerForInstance(entries: InstanceEntries, next: Next<InstanceStep>, before?: InstanceEntries): Answer {
  const { phase, message } = entries.status.value;
  const { definition, org } = entries.spec.value;
  const workerId = entries.allocation?.value.workerId;
  return {
    next,
    visible: false,
    ...transition(before?.status.value.phase, phase),
    revision: resourceVersion(entries.spec, entries.status, entries.allocation, entries.observed),
    phase,
    ...(workerId !== undefined && { workerId }),
    definition: `${definition.name}@${definition.version}`,
    org,
    stuck: isStuck(entries.status.value),
    sentence: `**${phase}** — ${message}`,
  };
}

/** Steps that ask a provider are slow by nature, and are always visible. */
const providerSteps: readonly WorkerStep[] = ['provision', 'destroy', 'undo'];

/** What a worker's lifecycle is told, and what people see of it. */
export function answerForWorker(entries: WorkerEntries, next: Next<WorkerStep>, before?: WorkerEntries): Answer {
  const { phase, message } = entries.status.value;
  return {
    next,
    visible: next.kind === 'run' && providerSteps.includes(next.step),
    ...transition(before?.status.value.phase, phase),
    revision: resourceVersion(entries.spec, entries.status, entries.capacity, entries.observed),
    phase,
    workerId: entries.id,
    org: entries.spec.value.org,
    stuck: isStuck(entries.status.value),
    sentence: `**${phase}** — ${message}`,
  };
}

/** The object is not there: the run ends. */
export function goneAnswer(id: string): Answer {
  return { next: { kind: 'close' }, visible: false, revision: 0, phase: 'GONE', org: '', stuck: false, sentence: `${id} is not there` };
}

function transition(from: string | undefined, to: string): { transition?: string } {
  return from === undefined || from === to ? {} : { transition: `${from} → ${to}` };
}
