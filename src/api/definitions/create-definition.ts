import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext } from '../../domain/admission';
import type { ArtifactFacts, DefinitionBody } from '../../domain/definition';
import { admitDefinition } from '../../domain/definition-admission';
import { createDecision } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { syncArtifact } from '../artifacts/sync-artifact';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted, Proposal } from '../http/admission';
import { Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { DefinitionActivation } from './activation';
import { DefinitionLookup } from './lookup';

/** What must be stored before a commit may name it. */
interface Prepared {
  readonly contentHash: string;
  readonly facts: ArtifactFacts | undefined;
}

interface Seen extends Prepared {
  readonly existing: DefinitionEntries | undefined;
}

/** Admits new definition versions. */
@Injectable()
export class DefinitionCreation {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(DefinitionLookup) private readonly definitions: DefinitionLookup,
    @Inject(DefinitionActivation) private readonly activation: DefinitionActivation,
  ) {}

  async create(body: DefinitionBody, context: RequestContext): Promise<Admitted<DefinitionEntries>> {
    const id = mintId('d');
    let prepared: Prepared | undefined;
    const admitted = await this.admission.admit<Seen, DefinitionEntries>({
      context,
      body,
      object: { kind: 'Definition', id },
      mintedId: id,
      isNewWork: true,
      look: async (certain) => {
        prepared ??= await this.prepare(body);
        return { ...prepared, existing: await this.existing(body, certain) };
      },
      decide: (seen, admission) => decide(body, seen, admission),
      read: (definitionId) => this.dependencies.fresh.definition(definitionId),
    });
    return prepared?.facts === undefined || admitted.replayed ? admitted : this.activated(admitted, prepared.facts);
  }

  /** A body that no commit comes to name is waste, but a commit that names a missing body would be a fault. */
  private async prepare(body: DefinitionBody): Promise<Prepared> {
    const contentHash = await this.dependencies.definitionBodies.put(body);
    const artifact = await syncArtifact(body, this.dependencies.artifactsDirectory);
    if (artifact) await this.dependencies.artifactBodies.put(artifact.text);
    return { contentHash, facts: artifact?.facts };
  }

  private existing({ name, version }: DefinitionBody, certain: boolean): Promise<DefinitionEntries | undefined> {
    return this.definitions.find({ name, version }, certain).catch((error: unknown) => {
      if (error instanceof ApiProblem && error.code === 'definition_not_found') return undefined;
      throw error;
    });
  }

  /** The definition is there whatever happens now; what fails here is made up for by the sweep. */
  private async activated(admitted: Admitted<DefinitionEntries>, facts: ArtifactFacts): Promise<Admitted<DefinitionEntries>> {
    try {
      const subject = await this.activation.activate(admitted.subject, facts);
      return { ...admitted, subject, revision: subject.status.revision };
    } catch (err) {
      this.dependencies.log.warn({ err, definition: admitted.subject.id }, 'a new definition could not be activated yet');
      return admitted;
    }
  }
}

function decide(body: DefinitionBody, seen: Seen, admission: AdmissionContext): Proposal<DefinitionEntries> {
  if (seen.existing) throw versionExists(seen.existing, seen.contentHash);
  const { spec, status } = admitDefinition(body, seen.contentHash, admission);
  const decision = createDecision({
    header: spec,
    collection: 'definitions',
    puts: { spec, state: status },
    claims: [keys.definitionName(body.name, body.version)],
    eventType: 'berth.definition.created',
  });
  const after = (revision: number): DefinitionEntries => ({
    id: spec.id,
    spec: { value: spec, revision },
    status: { value: status, revision },
  });
  return { decision, after };
}

function versionExists({ id, spec, status }: DefinitionEntries, contentHash: string): ApiProblem {
  const { name, version } = spec.value;
  const sameContent = spec.value.contentHash === contentHash;
  const detail = `${name} ${version} exists already, with ${sameContent ? 'the same' : 'another'} content; versions never change`;
  return new ApiProblem('version_exists', detail, { members: { existingId: id, phase: status.value.phase, sameContent } });
}
