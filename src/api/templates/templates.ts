import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext } from '../../domain/admission';
import { cpuRatioDefault, portRangeFromDefault, portRangeToDefault, provisionTimeoutMsDefault } from '../../domain/limits';
import { isOwnedBy, visibleOwners } from '../../domain/ownership';
import type { WorkerTemplateSpec } from '../../domain/worker';
import type { NewTemplate } from '../../domain/worker-admission';
import { admitTemplate } from '../../domain/worker-admission';
import { createDecision } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import { templateRetirement } from '../../stores/etcd/template-decisions';
import type { TemplateEntries } from '../../stores/etcd/objects';
import { Belonging } from '../belonging';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import { ObjectHistory } from '../history/object-history';
import type { Proposal } from '../http/admission';
import { Admission } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer, readAnswer } from '../http/answers';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import { ApiProblem } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { hasLabels } from '../http/queries';
import { Reads } from '../http/reads';
import { headerView } from '../http/views';
import { NewOwners } from '../new-owners';
import { TemplateLookup } from './lookup';
import type { CreateTemplate, ListTemplatesQuery, TemplateView } from './schemas';

/** Admits and shows worker templates. */
@Injectable()
export class Templates {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(TemplateLookup) private readonly lookup: TemplateLookup,
    @Inject(ObjectHistory) private readonly past: ObjectHistory,
    @Inject(Belonging) private readonly belonging: Belonging,
    @Inject(NewOwners) private readonly owners: NewOwners,
  ) {}

  async create(request: CreateTemplate, context: RequestContext): Promise<Answer<TemplateView>> {
    const id = mintId('t');
    const owner = await this.owners.ofNewHost(context.caller, request);
    const admitted = await this.admission.admit<string | undefined, TemplateEntries>({
      context,
      body: request,
      object: { kind: 'WorkerTemplate', id },
      mintedId: id,
      owner,
      isNewWork: true,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        return this.lookup.idOf(owner.org, request.name);
      },
      decide: (existingId, admission) => {
        const { decision, after } = decide(request, existingId, admission);
        return { decision: this.belonging.into(admission.owner, decision), after };
      },
      read: (templateId) => this.lookup.byId(templateId),
    });
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(viewOf(subject, revision), { ...admitted, location: `/api/v1/worker-templates/${subject.id}` });
  }

  /** Takes it away; workers that were made from it stay as they are. Answers it as it last was. */
  async delete(id: string, context: RequestContext): Promise<Answer<TemplateView>> {
    const admitted = await this.admission.admit<TemplateEntries, TemplateEntries>({
      context,
      object: { kind: 'WorkerTemplate', id },
      mintedId: mintId('command'),
      isNewWork: false,
      look: () => this.lookup.present(id),
      decide: (seen, { nowMs, cause }) => {
        requireMatch(context, seen.spec);
        return { decision: templateRetirement(seen, { time: new Date(nowMs).toISOString(), cause }), after: () => seen };
      },
      read: () => this.asItWas(id),
    });
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(viewOf(subject, revision), admitted);
  }

  private async asItWas(id: string): Promise<TemplateEntries> {
    const { after } = await this.past.at({ kind: 'WorkerTemplate', id }, {});
    return { id, spec: { value: after.spec as WorkerTemplateSpec, revision: Number(after.revision) } };
  }

  async get(id: string, query: ReadQuery): Promise<Answer<TemplateView>> {
    const revision = await this.reads.upTo(query);
    const found = await this.lookup.byId(id);
    return readAnswer(viewOf(found, Math.max(revision, found.spec.revision)), found.spec);
  }

  async list(query: ListTemplatesQuery, { caller }: RequestContext): Promise<Page<TemplateView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const owners = visibleOwners(caller, 'WorkerTemplate', query);
    const found = this.dependencies.cached.templates().filter(({ spec }) => isOwnedBy(owners, spec.value) && hasLabels(spec.value.labels, query.label));
    return pageOfObjects(found, page, revision, (entries) => viewOf(entries, revision));
  }
}

function decide(request: CreateTemplate, existingId: string | undefined, admission: AdmissionContext): Proposal<TemplateEntries> {
  if (existingId !== undefined) {
    throw new ApiProblem('template_exists', `a worker template named ${request.name} exists already`, { members: { existingId } });
  }
  const spec = admitTemplate(newTemplate(request), admission);
  const decision = createDecision({
    header: spec,
    puts: { spec },
    claims: [keys.templateName(spec.org, spec.name)],
    eventType: 'berth.worker-template.created',
  });
  return { decision, after: (revision) => ({ id: spec.id, spec: { value: spec, revision } }) };
}

/** The labels given are for its workers; the template itself is found by the same ones. */
function newTemplate(request: CreateTemplate): NewTemplate {
  return {
    name: request.name,
    description: request.description ?? '',
    provider: request.provider,
    capacity: { cpuMillicores: request.capacity.cpu, memoryMib: request.capacity.memory, storageMib: request.capacity.storage },
    cpuRatio: request.cpuRatio ?? cpuRatioDefault,
    portRange: request.portRange ?? { from: portRangeFromDefault, to: portRangeToDefault },
    workerLabels: request.labels ?? {},
    provisionTimeoutMs: request.provisionTimeout ?? provisionTimeoutMsDefault,
    labels: request.labels ?? {},
  };
}

function viewOf({ spec }: TemplateEntries, revision: number): TemplateView {
  const { name, description, provider, capacity, cpuRatio, portRange, workerLabels, provisionTimeoutMs } = spec.value;
  return {
    ...headerView(spec, { resourceVersion: spec.revision, revision }),
    spec: { name, description, provider, capacity, cpuRatio, portRange, workerLabels, provisionTimeoutMs },
  };
}
