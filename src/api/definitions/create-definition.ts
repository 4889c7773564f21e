import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext } from '../../domain/admission';
import type { DefinitionBody } from '../../domain/definition';
import { loggedCause } from '../../domain/trace-context';
import { admitDefinition } from '../../domain/definition-admission';
import { chargeOfDefinition } from '../../domain/quota';
import { reaches } from '../../domain/authorization';
import type { AskedOwner } from '../../domain/ownership';
import type { Caller } from '../../domain/principal';
import { putGuarded } from '../../stores/etcd/body-guard';
import type { Compare } from '../../stores/etcd/commit';
import { createDecision } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { DefinitionEntries } from '../../stores/etcd/objects';
import { artifactsOf } from '../artifacts/artifacts-of-org';
import type { Artifact } from '../artifacts/read-artifact';
import { syncArtifact } from '../artifacts/sync-artifact';
import { Archive } from '../archive';
import { Belonging } from '../belonging';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted, Proposal } from '../http/admission';
import { Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { NewOwners } from '../new-owners';
import { DefinitionActivation } from './activation';
import { DefinitionLookup } from './lookup';

/** What must be stored before a commit may name it. */
interface Prepared {
  readonly contentHash: string;
  /** Says that nobody sweeps the document while a commit comes to name it. */
  readonly guard: Compare;
  readonly artifact: Artifact | undefined;
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
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(DefinitionLookup) private readonly definitions: DefinitionLookup,
    @Inject(NewOwners) private readonly owners: NewOwners,
    @Inject(DefinitionActivation) private readonly activation: DefinitionActivation,
    @Inject(Belonging) private readonly belonging: Belonging,
  ) {}

  /** `named`: to whom it shall belong, where the request says so; no part of the document, which is the same whoever has it. */
  async create(body: DefinitionBody, named: AskedOwner, context: RequestContext): Promise<Admitted<DefinitionEntries>> {
    const id = mintId('d');
    const owner = await this.owners.ofNew(context.caller, named);
    const isNamed = named.org !== undefined || named.project !== undefined;
    let prepared: Prepared | undefined;
    const admitted = await this.admission.admit<Seen, DefinitionEntries>({
      context,
      body: isNamed ? { document: body, ...named } : body,
      owner,
      object: { kind: 'Definition', id },
      mintedId: id,
      isNewWork: true,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        // Anew each time: what kept the former try from being committed may be that the document was being swept.
        prepared = await this.prepare(body, owner.org);
        return { ...prepared, existing: await this.definitions.named(body, owner.org, certain) };
      },
      decide: (seen, admission) => {
        const { decision, after } = decide(body, seen, context.caller, admission);
        return { decision: this.belonging.into(admission.owner, decision, { amounts: chargeOfDefinition, caller: context.caller }), after };
      },
      read: (definitionId) => this.archive.definition(definitionId),
    });
    return prepared?.artifact === undefined || admitted.replayed ? admitted : this.activated(admitted, prepared.artifact);
  }

  /** A body that no commit comes to name is waste, but a commit that names a missing body would be a fault. */
  private async prepare(body: DefinitionBody, org: string): Promise<Prepared> {
    const { cache, definitionBodies, artifactsDirectory } = this.dependencies;
    const { hash, guard } = await putGuarded(cache, 'lablet_definitions', definitionBodies, body);
    return { contentHash: hash, guard, artifact: await syncArtifact(body, artifactsOf(org, artifactsDirectory)) };
  }

  /** The definition is there whatever happens now; what fails here is made up for by the sweep. */
  private async activated(admitted: Admitted<DefinitionEntries>, artifact: Artifact): Promise<Admitted<DefinitionEntries>> {
    try {
      const subject = await this.activation.activate(admitted.subject, artifact);
      return { ...admitted, subject, revision: subject.status.revision };
    } catch (err) {
      this.dependencies.log.warn({ ...loggedCause(admitted.subject.spec.value.cause), err, definition: admitted.subject.id }, 'a new definition could not be activated yet');
      return admitted;
    }
  }
}

function decide(body: DefinitionBody, seen: Seen, caller: Caller, admission: AdmissionContext): Proposal<DefinitionEntries> {
  if (seen.existing) throw versionExists(seen.existing, seen.contentHash, caller);
  const { spec, status } = admitDefinition(body, seen.contentHash, admission);
  const decision = createDecision({
    header: spec,
    puts: { spec, state: status },
    claims: [keys.definitionName(spec.org, body.name, body.version)],
    onlyIf: [seen.guard],
    eventType: 'berth.definition.created',
  });
  const after = (revision: number): DefinitionEntries => ({
    id: spec.id,
    spec: { value: spec, revision },
    status: { value: status, revision },
  });
  return { decision, after };
}

function versionExists({ id, spec, status }: DefinitionEntries, contentHash: string, caller: Caller): ApiProblem {
  const { name, version } = spec.value;
  // Names are given once in an org; of a project that somebody is kept out of he hears no more than that.
  if (!reaches(caller, spec.value)) return new ApiProblem('version_exists', `${name} ${version} exists already in another project`);
  const sameContent = spec.value.contentHash === contentHash;
  const detail = `${name} ${version} exists already, with ${sameContent ? 'the same' : 'another'} content; versions never change`;
  return new ApiProblem('version_exists', detail, { members: { existingId: id, phase: status.value.phase, sameContent } });
}
