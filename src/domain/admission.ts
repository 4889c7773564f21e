import type { Cause } from './events';
import { nextSequence } from './header';
import type { Header, Kind, Owner, Sequenced } from './header';
import { hasCommand } from './instance-next';
import type { InstancePhase } from './phases';
import type { InstanceSpec, InstanceStatus, InstanceView } from './instance';
import type { PortRequest, Resources, RestartPolicy, RetryPolicy, Constraints, DefinitionSpec } from './definition';
import type { Problem } from './problem';
import { isoTime } from './status';

/** Why admission says no. `kind` says what would help; the API gives each its HTTP status. */
export interface Refusal {
  readonly kind: 'invalid' | 'conflict';
  /** Stable, for programs: `invalid_transition`, `command_pending` … */
  readonly code: string;
  readonly message: string;
  /** What is in the way, where it can be named. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** What is wrong where, with a request that is `invalid`. */
  readonly problems?: readonly Problem[];
}

/** What admission decided about a spec that is there already. */
export type Act<Spec> =
  | { readonly kind: 'admitted'; readonly spec: Spec }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Who asks, when, and with freshly minted ids. */
export interface AdmissionContext {
  readonly nowMs: number;
  /** Freshly minted: of the new object, or of the command. */
  readonly mintedId: string;
  /** To whom what is new will belong. */
  readonly owner: Owner;
  readonly cause: Cause;
}

export type InstanceVerb = 'start' | 'stop' | 'retry' | 'terminate';

/** In which phases each verb is accepted. The API and the Update in the Temporal UI both ask this table. */
export const instanceVerbs: Readonly<Record<InstanceVerb, readonly InstancePhase[]>> = {
  start: ['STOPPING', 'STOPPED'],
  stop: ['SCHEDULED', 'INSTANTIATING', 'RUNNING', 'COLLECTING', 'GRADING'],
  retry: ['FAILED'],
  terminate: ['PENDING', 'SCHEDULED', 'INSTANTIATING', 'RUNNING', 'COLLECTING', 'GRADING', 'STOPPING', 'STOPPED', 'ARCHIVED', 'TERMINATED', 'FAILED'],
};

/** What a new instance is made of. */
export interface NewInstance {
  readonly definition: DefinitionSpec;
  readonly resources: Resources;
  readonly ports: readonly PortRequest[];
  readonly constraints: Constraints;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly maxDurationMs?: number;
  readonly restart: RestartPolicy;
  readonly retry: RetryPolicy;
}

/** A new instance: wanted running, and PENDING. The commit that makes it charges its owner. */
export function admitInstance(wanted: NewInstance, context: AdmissionContext): { spec: InstanceSpec; status: InstanceStatus } {
  const { definition, ...rest } = wanted;
  const time = isoTime(context.nowMs);
  const spec: InstanceSpec = {
    ...newHeader('Instance', wanted.labels, context),
    kind: 'Instance',
    definition: { id: definition.id, name: definition.name, version: definition.version, contentHash: definition.contentHash },
    intent: 'running',
    intentGeneration: 1,
    resources: rest.resources,
    ports: rest.ports,
    constraints: rest.constraints,
    priority: rest.priority,
    ...(rest.maxDurationMs !== undefined && { maxDurationMs: rest.maxDurationMs }),
    restart: rest.restart,
    retry: rest.retry,
    charged: true,
  };
  const message = 'accepted, waiting to be placed';
  const status: InstanceStatus = {
    schemaVersion: 1,
    sequence: 1,
    phase: 'PENDING',
    message,
    observedGeneration: 1,
    lastReconcileTime: time,
    conditions: [{ type: 'Ready', status: 'False', reason: 'Pending', message, observedGeneration: 1, lastTransitionTime: time }],
    componentStatus: {},
    undo: [],
    resources: {},
    attempt: 0,
    restarts: { count: 0 },
  };
  return { spec, status };
}

/** start, stop, retry or terminate an instance. */
export function actOnInstance(verb: InstanceVerb, view: Pick<InstanceView, 'spec' | 'status'>, context: AdmissionContext): Act<InstanceSpec> {
  const { spec, status } = view;
  if (verb === 'terminate' && spec.intent === 'terminated') return { kind: 'unchanged' };
  if (spec.intent === 'terminated') return refuse('invalid_transition', `the instance is being terminated; ${verb} is no longer possible`, { phase: status.phase });
  if (!instanceVerbs[verb].includes(status.phase)) return refuse('invalid_transition', explainVerb(verb, status.phase), { phase: status.phase, allowedIn: instanceVerbs[verb] });
  const clearsCommand = verb === 'stop' || verb === 'terminate';
  if (!clearsCommand && hasCommand(spec, status)) {
    return refuse('command_pending', `a ${spec.command?.kind} is not taken up yet; wait for it, or stop or terminate`, { command: spec.command });
  }
  const generation = spec.generation + 1;
  const { command: _former, ...withoutCommand } = spec;
  return {
    kind: 'admitted',
    spec: {
      ...withoutCommand,
      ...changedHeader(spec, status, context),
      intent: verb === 'stop' ? 'stopped' : verb === 'terminate' ? 'terminated' : 'running',
      intentGeneration: generation,
      ...(verb === 'retry' && { command: { id: context.mintedId, kind: 'retry', generation } }),
      ...(verb === 'terminate' && { deletionRequestedAt: isoTime(context.nowMs) }),
    },
  };
}

function explainVerb(verb: InstanceVerb, phase: InstancePhase): string {
  return `${verb} is possible in ${instanceVerbs[verb].join(', ')}; the instance is ${phase}`;
}

/** The header of a new object. */
export function newHeader(kind: Kind, labels: Readonly<Record<string, string>>, context: AdmissionContext): Header {
  const time = isoTime(context.nowMs);
  return {
    schemaVersion: 1,
    id: context.mintedId,
    org: context.owner.org,
    project: context.owner.project,
    kind,
    generation: 1,
    createdAt: time,
    updatedAt: time,
    labels,
    paused: false,
    cause: context.cause,
    sequence: 1,
  };
}

/** What every change of a spec changes in its header. */
export function changedHeader(spec: Header, status: Sequenced | undefined, context: AdmissionContext): Pick<Header, 'generation' | 'updatedAt' | 'sequence' | 'cause'> {
  return {
    generation: spec.generation + 1,
    updatedAt: isoTime(context.nowMs),
    sequence: nextSequence(spec, status),
    cause: context.cause,
  };
}

/** A refusal because of what is there now. */
export function refuse(code: string, message: string, detail?: Readonly<Record<string, unknown>>): { kind: 'refused'; refusal: Refusal } {
  return { kind: 'refused', refusal: { kind: 'conflict', code, message, ...(detail && { detail }) } };
}
