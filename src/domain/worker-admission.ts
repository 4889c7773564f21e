import type { Act, AdmissionContext } from './admission';
import { changedHeader, newHeader, refuse } from './admission';
import { hasCommand } from './instance-next';
import { isoTime } from './status';
import type { WorkerSpec, WorkerStatus, WorkerTemplateSpec } from './worker';

export type NewTemplate = Pick<
  WorkerTemplateSpec,
  'name' | 'description' | 'provider' | 'capacity' | 'cpuRatio' | 'portRange' | 'workerLabels' | 'provisionTimeoutMs' | 'labels'
>;

/** A new worker template. */
export function admitTemplate(wanted: NewTemplate, context: AdmissionContext): WorkerTemplateSpec {
  return { ...newHeader('WorkerTemplate', wanted.labels, context), ...wanted, kind: 'WorkerTemplate' };
}

/** A new worker from a template: everything that it needs later is copied, so that a changed template changes no worker. */
export function admitWorker(
  template: WorkerTemplateSpec,
  wanted: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  context: AdmissionContext,
): { spec: WorkerSpec; status: WorkerStatus } {
  const time = isoTime(context.nowMs);
  const message = 'accepted, to be provisioned';
  return {
    spec: {
      ...newHeader('Worker', { ...template.workerLabels, ...wanted.labels }, context),
      kind: 'Worker',
      name: wanted.name,
      template: { id: template.id, name: template.name },
      intent: 'running',
      provider: template.provider,
      capacity: template.capacity,
      cpuRatio: template.cpuRatio,
      portRange: template.portRange,
      provisionTimeoutMs: template.provisionTimeoutMs,
    },
    status: {
      schemaVersion: 1,
      sequence: 1,
      phase: 'PENDING',
      message,
      observedGeneration: 1,
      lastReconcileTime: time,
      conditions: [{ type: 'Ready', status: 'False', reason: 'Pending', message, observedGeneration: 1, lastTransitionTime: time }],
      undo: [],
      resources: {},
      attempt: 0,
    },
  };
}

export const workerVerbs = ['retry', 'terminate'] as const;
export type WorkerVerb = (typeof workerVerbs)[number];

/** Retries a failed worker, or terminates one: it then takes no new instance and ends with its last one. */
export function actOnWorker(verb: WorkerVerb, view: { spec: WorkerSpec; status: WorkerStatus }, context: AdmissionContext): Act<WorkerSpec> {
  const { spec, status } = view;
  if (verb === 'terminate' && spec.intent === 'terminated') return { kind: 'unchanged' };
  if (spec.intent === 'terminated') return refuse('invalid_transition', `the worker is being terminated; ${verb} is no longer possible`, { phase: status.phase });
  if (verb === 'retry' && status.phase !== 'FAILED') return refuse('invalid_transition', `retry is possible in FAILED; the worker is ${status.phase}`, { phase: status.phase });
  if (verb === 'retry' && hasCommand(spec, status)) return refuse('command_pending', 'a retry is not taken up yet', { command: spec.command });
  const generation = spec.generation + 1;
  const { command: _former, ...withoutCommand } = spec;
  return {
    kind: 'admitted',
    spec: {
      ...withoutCommand,
      ...changedHeader(spec, status, context),
      intent: verb === 'terminate' ? 'terminated' : 'running',
      ...(verb === 'retry' && { command: { id: context.mintedId, kind: 'retry', generation } }),
      ...(verb === 'terminate' && { deletionRequestedAt: isoTime(context.nowMs) }),
    },
  };
}
