import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext, NewInstance } from '../../domain/admission';
import { admitInstance } from '../../domain/admission';
import type { DefinitionBody } from '../../domain/definition';
import { requestedPorts, totalResources } from '../../domain/definition-requests';
import type { Caller } from '../../domain/principal';
import { placementRequest } from '../../domain/placement';
import { chargeOfInstance } from '../../domain/quota';
import { createDecision, unchanged } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { DefinitionEntries, InstanceEntries } from '../../stores/etcd/objects';
import { Archive } from '../archive';
import { Belonging } from '../belonging';
import { DefinitionLookup } from '../definitions/lookup';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Admitted, Proposal } from '../http/admission';
import { Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { mintId } from '../http/ids';
import { ApiProblem } from '../http/problem';
import { Reads } from '../http/reads';
import { NewOwners } from '../new-owners';
import { Placeability } from './placeability';
import type { CreateInstance } from './schemas';

interface Seen {
  readonly definition: DefinitionEntries;
  readonly body: DefinitionBody;
}

/** Admits new instances. */
@Injectable()
export class InstanceCreation {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(DefinitionLookup) private readonly definitions: DefinitionLookup,
    @Inject(NewOwners) private readonly owners: NewOwners,
    @Inject(Placeability) private readonly placeability: Placeability,
    @Inject(Belonging) private readonly belonging: Belonging,
  ) {}

  async create(request: CreateInstance, context: RequestContext): Promise<Admitted<InstanceEntries>> {
    const id = mintId('i');
    const owner = await this.owners.ofNew(context.caller, request);
    // Of its org, whoever asks, and out of no project that the caller is kept out of.
    const within = { org: owner.org, ...(context.caller.projects && { projects: context.caller.projects }) };
    return this.admission.admit<Seen, InstanceEntries>({
      context,
      body: request,
      object: { kind: 'Instance', id },
      mintedId: id,
      owner,
      isNewWork: true,
      look: (certain) => this.look(request, within, certain),
      decide: (seen, admission) => this.decide(request, seen, admission, context.caller),
      read: (instanceId) => this.archive.instance(instanceId),
    });
  }

  /** The cache is good enough to decide on: the commit compares what was read of the definition. */
  private async look(request: CreateInstance, within: Pick<Caller, 'org' | 'projects'>, certain: boolean): Promise<Seen> {
    if (certain) await this.reads.upToPresent(); // The workers and templates, too.
    const definition = await this.definitions.find(request.definition, within, certain);
    return { definition, body: await this.dependencies.definitionBodies.get(definition.spec.value.contentHash) };
  }

  private decide(request: CreateInstance, { definition, body }: Seen, admission: AdmissionContext, caller: Caller): Proposal<InstanceEntries> {
    requireActive(definition);
    const { spec, status } = admitInstance(newInstance(request, definition, body), admission);
    this.placeability.refuseImpossible(placementRequest(spec));
    const decision = createDecision({
      header: spec,
      puts: { spec, state: status },
      // A definition that is deprecated meanwhile gets no instance from a later revision.
      onlyIf: [unchanged(keys.definitionSpec(definition.id), definition.spec), unchanged(keys.definitionStatus(definition.id), definition.status)],
      eventType: 'berth.instance.created',
    });
    const after = (revision: number): InstanceEntries => ({
      id: spec.id,
      spec: { value: spec, revision },
      status: { value: status, revision },
      allocation: undefined,
      observed: undefined,
    });
    return { decision: this.belonging.into(spec, decision, { amounts: chargeOfInstance(spec), caller }), after };
  }
}

function requireActive({ spec, status }: DefinitionEntries): void {
  const { phase } = status.value;
  if (phase === 'ACTIVE') return;
  const { name, version } = spec.value;
  throw new ApiProblem('definition_not_active', `definition ${name} ${version} is ${phase}; only ACTIVE ones take new instances`, { members: { phase } });
}

function newInstance(request: CreateInstance, { spec, status }: DefinitionEntries, body: DefinitionBody): NewInstance {
  const maxDurationMs = request.maxDuration ?? body.maxDurationMs;
  return {
    definition: spec.value,
    resources: totalResources(body),
    ports: requestedPorts(body, status.value.artifact),
    constraints: body.constraints,
    labels: request.labels ?? {},
    priority: request.priority ?? 0,
    ...(maxDurationMs !== undefined && { maxDurationMs }),
    restart: body.restart,
    retry: body.retry,
  };
}
