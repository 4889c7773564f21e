import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext } from '../../domain/admission';
import { decide } from '../../domain/authorization';
import { defaultOrg, platformOrg } from '../../domain/header';
import type { Caller } from '../../domain/principal';
import type { WorkerVerb } from '../../domain/worker-admission';
import { actOnWorker, admitWorker } from '../../domain/worker-admission';
import { createDecision, unchanged, workerSpecDecision } from '../../stores/etcd/decisions';
import { keys } from '../../stores/etcd/keys';
import type { TemplateEntries, WorkerEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import { Belonging } from '../belonging';
import type { Admitted, Proposal } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { Reads } from '../http/reads';
import { ApiProblem } from '../http/problem';
import { TemplateLookup } from '../templates/lookup';
import type { CreateWorker } from './schemas';

/** Admits new workers, and what is asked of workers. */
@Injectable()
export class WorkerAdmission {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Archive) private readonly archive: Archive,
    @Inject(TemplateLookup) private readonly templates: TemplateLookup,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(Belonging) private readonly belonging: Belonging,
  ) {}

  create(request: CreateWorker, context: RequestContext): Promise<Admitted<WorkerEntries>> {
    const id = mintId('w');
    return this.admission.admit<TemplateEntries, WorkerEntries>({
      context,
      body: request,
      object: { kind: 'Worker', id },
      mintedId: id,
      isNewWork: true,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        return this.templates.byName(request.template, orgsOfTemplates(context.caller, request.org));
      },
      decide: (template, admission) => {
        const { decision, after } = newWorker(request, reachable(template, request, context.caller), admission);
        return { decision: this.belonging.into(template.spec.value, decision), after };
      },
      read: (workerId) => this.archive.worker(workerId),
    });
  }

  act(verb: WorkerVerb, id: string, context: RequestContext): Promise<Admitted<WorkerEntries>> {
    return this.admission.admit<WorkerEntries, WorkerEntries>({
      context,
      object: { kind: 'Worker', id },
      mintedId: mintId('command'),
      isNewWork: verb === 'retry',
      look: () => this.archive.worker(id),
      decide: (seen, admission) => {
        requireMatch(context, seen.spec);
        if (seen.archived && verb === 'terminate') return undefined;
        requireLive(seen);
        const spec = admittedBy(actOnWorker(verb, { spec: seen.spec.value, status: seen.status.value }, admission));
        if (spec === undefined) return undefined;
        return { decision: workerSpecDecision(seen, spec, verb), after: (revision) => ({ ...seen, spec: { value: spec, revision } }) };
      },
      read: (workerId) => this.archive.worker(workerId),
    });
  }
}

const suffixCharacters = 6;

/** Where a template is looked for by its name: among an org's own, and then among those of the platform. */
function orgsOfTemplates(caller: Caller, org: string = caller.org): readonly string[] {
  if (caller.org !== platformOrg) return org === caller.org ? [org, platformOrg] : [];
  return org === platformOrg ? [platformOrg, defaultOrg] : [org, platformOrg];
}

/** A worker belongs to whom its template does, so that from a shared one only those who run Berth make workers. */
function reachable(template: TemplateEntries, request: CreateWorker, caller: Caller): TemplateEntries {
  const { org, project } = template.spec.value;
  const decision = decide(caller, 'workers:write', { kind: 'Worker', org, project });
  if (decision.allowed) return template;
  if (decision.reason === 'foreign') throw new ApiProblem('template_not_found', `there is no worker template named ${request.template}`);
  const detail = `template ${request.template} is shared by all orgs; only those who run Berth make workers from it`;
  throw new ApiProblem('forbidden', detail, { members: { scope: 'workers:write' } });
}

function newWorker(request: CreateWorker, template: TemplateEntries, admission: AdmissionContext): Proposal<WorkerEntries> {
  const name = request.name ?? `${template.spec.value.name}-${admission.mintedId.slice(-suffixCharacters)}`;
  const { spec, status } = admitWorker(template.spec.value, { name, labels: request.labels ?? {} }, { ...admission, owner: template.spec.value });
  const decision = createDecision({
    header: spec,
    puts: { spec, state: status },
    // A template that is deleted meanwhile makes no worker.
    onlyIf: [unchanged(keys.templateSpec(template.id), template.spec)],
    eventType: 'berth.worker.created',
  });
  const after = (revision: number): WorkerEntries => ({
    id: spec.id,
    spec: { value: spec, revision },
    status: { value: status, revision },
    capacity: undefined,
    ports: undefined,
    observed: undefined,
    lease: undefined,
    plan: new Map(),
  });
  return { decision, after };
}
