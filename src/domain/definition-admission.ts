import type { Act, AdmissionContext } from './admission';
import { newHeader, refuse } from './admission';
import type { ArtifactFacts, DefinitionBody, DefinitionPhase, DefinitionSpec, DefinitionStatus } from './definition';
import { nextSequence } from './header';
import { isoTime } from './status';

/** A new definition version; the commit that makes it charges its owner. With an artifact it waits until that was fetched and its hash found right. */
export function admitDefinition(body: DefinitionBody, contentHash: string, context: AdmissionContext): { spec: DefinitionSpec; status: DefinitionStatus } {
  const synced = body.artifact === undefined;
  return {
    spec: {
      ...newHeader('Definition', body.labels, context),
      kind: 'Definition',
      name: body.name,
      version: body.version,
      contentHash,
      ...(body.artifact && { artifact: body.artifact }),
      charged: true,
    },
    status: {
      schemaVersion: 1,
      sequence: 1,
      phase: synced ? 'ACTIVE' : 'PENDING_SYNC',
      message: synced ? 'active' : 'its artifact is being fetched',
      observedGeneration: 1,
      updatedAt: isoTime(context.nowMs),
    },
  };
}

/** The artifact was fetched and is what it should be. */
export function activateDefinition(view: DefinitionView, artifact: ArtifactFacts, context: AdmissionContext): Act<DefinitionStatus> {
  return move(view, 'ACTIVE', 'active', context, { artifact });
}

/** No new instances; those that are there go on. */
export function deprecateDefinition(view: DefinitionView, context: AdmissionContext): Act<DefinitionStatus> {
  return move(view, 'DEPRECATED', 'deprecated: no new instances', context, {});
}

/** Only what takes no new instances can be deleted; that no instance refers to it any more is for the caller to prove. */
export function deleteDefinition(view: DefinitionView, context: AdmissionContext): Act<DefinitionStatus> {
  return move(view, 'DELETED', 'deleted', context, {});
}

interface DefinitionView {
  readonly spec: DefinitionSpec;
  readonly status: DefinitionStatus;
}

const transitions: Readonly<Record<DefinitionPhase, readonly DefinitionPhase[]>> = {
  PENDING_SYNC: ['ACTIVE', 'DELETED'],
  ACTIVE: ['DEPRECATED'],
  DEPRECATED: ['DELETED'],
  DELETED: [],
};

function move(
  { spec, status }: DefinitionView,
  to: DefinitionPhase,
  message: string,
  context: AdmissionContext,
  changes: Partial<DefinitionStatus>,
): Act<DefinitionStatus> {
  if (status.phase === to) return { kind: 'unchanged' };
  if (!transitions[status.phase].includes(to)) {
    const help = to === 'DELETED' ? '; deprecate it first' : '';
    return refuse('invalid_transition', `a definition that is ${status.phase} cannot become ${to}${help}`, { phase: status.phase });
  }
  const time = isoTime(context.nowMs);
  return { kind: 'admitted', spec: { ...status, ...changes, phase: to, message, sequence: nextSequence(spec, status), updatedAt: time } };
}
