import { Inject, Injectable } from '@nestjs/common';
import type { AdmissionContext } from '../../domain/admission';
import type { WorkerVerb } from '../../domain/worker-admission';
import { actOnWorker, admitWorker } from '../../domain/worker-admission';
import { createDecision, workerSpecDecision } from '../../stores/etcd/decisions';
import type { TemplateEntries, WorkerEntries } from '../../stores/etcd/objects';
import { Archive, requireLive } from '../archive';
import { Belonging } from '../belonging';
import type { Admitted, Proposal } from '../http/admission';
import { admittedBy, Admission } from '../http/admission';
import type { RequestContext } from '../http/context';
import { requireMatch } from '../http/etag';
import { mintId } from '../http/ids';
import { Reads } from '../http/reads';
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
        return this.templates.byName(request.template);
      },
      decide: (template, admission) => {
        const { decision, after } = newWorker(request, template, admission);
        return { decision: this.belonging.into(admission.owner, decision), after };
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

function newWorker(request: CreateWorker, template: TemplateEntries, admission: AdmissionContext): Proposal<WorkerEntries> {
  const name = request.name ?? `${template.spec.value.name}-${admission.mintedId.slice(-suffixCharacters)}`;
  const { spec, status } = admitWorker(template.spec.value, { name, labels: request.labels ?? {} }, admission);
  const decision = createDecision({
    header: spec,
    puts: { spec, state: status },
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
