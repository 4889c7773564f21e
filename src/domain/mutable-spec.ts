import type { Act, AdmissionContext, Refusal } from './admission';
import { changedHeader, refuse } from './admission';
import { canonicalJson } from './canonical-json';
import type { RetryPolicy } from './definition';
import type { Header } from './header';
import type { InstanceSpec, InstanceStatus } from './instance';
import { hasCommand } from './instance-next';
import { labelsMax } from './limits';
import type { Problem } from './problem';
import { problemAt } from './problem';
import type { WorkerSpec, WorkerStatus } from './worker';

/** What may be changed of an instance once it is made; the rest of its spec is what it was asked for, or follows from acts. */
export const mutableInstanceFields = ['labels', 'paused', 'maxDurationMs', 'restart', 'retry'] as const;
export type MutableInstanceSpec = Pick<InstanceSpec, (typeof mutableInstanceFields)[number]>;

/** What may be changed of a worker. Its labels are constraints of what lands from then on; what is on it stays. */
export const mutableWorkerFields = ['labels', 'paused'] as const;
export type MutableWorkerSpec = Pick<WorkerSpec, (typeof mutableWorkerFields)[number]>;

/** How a mutable spec comes to be another one: by a patch, or back to what it was. */
export const specVerbs = ['patch', 'rollback'] as const;

/** JSON merge patch (RFC 7396): what is absent stays, null takes away. */
type LabelsPatch = Readonly<Record<string, string | null>> | null;

export interface WorkerPatch {
  readonly labels?: LabelsPatch | undefined;
  readonly paused?: boolean | undefined;
}

export interface InstancePatch extends WorkerPatch {
  readonly maxDurationMs?: number | null | undefined;
  readonly restart?: InstanceSpec['restart'] | undefined;
  readonly retry?: { readonly [Field in keyof RetryPolicy]?: RetryPolicy[Field] | undefined } | undefined;
}

/** Changes what a patch names. */
export function patchInstance(patch: InstancePatch, view: InstanceSeen, context: AdmissionContext): Act<InstanceSpec> {
  const { spec } = view;
  const { maxDurationMs = spec.maxDurationMs } = patch;
  return changeInstance(
    {
      labels: mergedLabels(spec.labels, patch.labels),
      paused: patch.paused ?? spec.paused,
      ...(typeof maxDurationMs === 'number' && { maxDurationMs }),
      restart: patch.restart ?? spec.restart,
      retry: { ...spec.retry, ...given(patch.retry ?? {}) },
    },
    view,
    context,
  );
}

/** Gives an instance another mutable spec. What was asked of it last, and a command that it has not taken up, stay as they are. */
export function changeInstance(wanted: MutableInstanceSpec, view: InstanceSeen, context: AdmissionContext): Act<InstanceSpec> {
  const { spec } = view;
  const problems = [...problemsOfLabels(wanted.labels), ...problemsOfRetry(wanted.retry)];
  const refusal = refusalOf('instance', view, problems);
  if (refusal) return { kind: 'refused', refusal };
  if (isSame(mutablePart(spec, mutableInstanceFields), wanted)) return { kind: 'unchanged' };
  const { maxDurationMs: _former, ...rest } = spec;
  return { kind: 'admitted', spec: { ...rest, ...wanted, ...changedHeader(spec, view.status, context) } };
}

/** Changes what a patch names. */
export function patchWorker(patch: WorkerPatch, view: WorkerSeen, context: AdmissionContext): Act<WorkerSpec> {
  const { spec } = view;
  return changeWorker({ labels: mergedLabels(spec.labels, patch.labels), paused: patch.paused ?? spec.paused }, view, context);
}

/** Gives a worker another mutable spec. */
export function changeWorker(wanted: MutableWorkerSpec, view: WorkerSeen, context: AdmissionContext): Act<WorkerSpec> {
  const { spec } = view;
  const refusal = refusalOf('worker', view, problemsOfLabels(wanted.labels));
  if (refusal) return { kind: 'refused', refusal };
  if (isSame(mutablePart(spec, mutableWorkerFields), wanted)) return { kind: 'unchanged' };
  return { kind: 'admitted', spec: { ...spec, ...wanted, ...changedHeader(spec, view.status, context) } };
}

/** The fields of a spec that may be changed, as they are in it. */
export function mutablePart<Spec extends Header, Field extends keyof Spec>(spec: Spec, fields: readonly Field[]): Pick<Spec, Field> {
  const present = fields.filter((field) => spec[field] !== undefined).map((field) => [field, spec[field]]);
  return Object.fromEntries(present) as Pick<Spec, Field>;
}

interface InstanceSeen {
  readonly spec: InstanceSpec;
  readonly status: InstanceStatus;
}

interface WorkerSeen {
  readonly spec: WorkerSpec;
  readonly status: WorkerStatus;
}

function refusalOf(what: string, { spec, status }: InstanceSeen | WorkerSeen, problems: readonly Problem[]): Refusal | undefined {
  if (spec.intent === 'terminated') return refuse('invalid_transition', `the ${what} is being terminated; its spec changes no more`, { phase: status.phase }).refusal;
  // While it is paused the command is not taken up, and taking the pause away has to remain possible.
  if (hasCommand(spec, status) && !spec.paused) {
    return refuse('command_pending', `a ${spec.command?.kind} is not taken up yet; wait for it`, { command: spec.command }).refusal;
  }
  if (problems.length === 0) return undefined;
  return { kind: 'invalid', code: 'invalid_request', message: problems.map(({ message }) => message).join('; '), problems };
}

function mergedLabels(labels: Header['labels'], patch: LabelsPatch | undefined): Header['labels'] {
  const merged = patch === null ? [] : Object.entries({ ...labels, ...patch });
  return Object.fromEntries(merged.filter((label): label is [string, string] => label[1] !== null));
}

function given<Fields extends object>(fields: Fields): { [Field in keyof Fields]: NonNullable<Fields[Field]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Field in keyof Fields]: NonNullable<Fields[Field]> };
}

/** A patch that adds few labels may make many with those that are there. */
function problemsOfLabels(labels: Header['labels']): Problem[] {
  const count = Object.keys(labels).length;
  return count > labelsMax ? [problemAt(['labels'], `at most ${labelsMax} labels`, String(count))] : [];
}

/** A patch of one backoff may not fit the other, which it leaves. */
function problemsOfRetry({ initialBackoffMs, maxBackoffMs }: RetryPolicy): Problem[] {
  if (initialBackoffMs <= maxBackoffMs) return [];
  return [problemAt(['retry', 'maxBackoff'], 'no less than initialBackoff', `${maxBackoffMs} ms after ${initialBackoffMs} ms`)];
}

function isSame(one: unknown, other: unknown): boolean {
  return canonicalJson(one) === canonicalJson(other);
}
