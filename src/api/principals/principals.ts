import { Inject, Injectable } from '@nestjs/common';
import { admitPrincipal } from '../../domain/access-admission';
import type { AdmissionContext, Refusal } from '../../domain/admission';
import { isVisible, ownerFor } from '../../domain/authorization';
import { grantOf, refusalOfPrincipal, refusalToGrant } from '../../domain/granting';
import type { Owner } from '../../domain/header';
import { defaultProject } from '../../domain/header';
import type { PrincipalSpec } from '../../domain/principal';
import { principalCreation } from '../../stores/etcd/access-decisions';
import type { Compare } from '../../stores/etcd/commit';
import type { HeadEntries, Taken } from '../access/heads';
import { AccessHeads } from '../access/heads';
import { Standing } from '../access/standing';
import { Belonging } from '../belonging';
import type { Proposal } from '../http/admission';
import { Admission } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer, readAnswer } from '../http/answers';
import type { RequestContext } from '../http/context';
import { mintId } from '../http/ids';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import { ApiProblem, problemOfRefusal } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { Reads } from '../http/reads';
import { requireLinkScope } from './may-link';
import type { CreatePrincipal, ListPrincipalsQuery, PrincipalView } from './schemas';
import { viewOfPrincipal } from './view';

type Entries = HeadEntries<PrincipalSpec>;

/** What a new principal is decided on. */
interface Seen {
  /** What lets the caller ask for it. */
  readonly standing: readonly Compare[];
  /** Whether somebody is called so already, there or at the issuer. */
  readonly taken: Taken;
}

/** Admits and shows those who may ask. */
@Injectable()
export class Principals {
  constructor(
    @Inject(Admission) private readonly admission: Admission,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(AccessHeads) private readonly heads: AccessHeads,
    @Inject(Belonging) private readonly belonging: Belonging,
    @Inject(Standing) private readonly standing: Standing,
  ) {}

  async create(request: CreatePrincipal, context: RequestContext): Promise<Answer<PrincipalView>> {
    requireLinkScope(context.caller, request.external);
    const id = mintId('p');
    const owner = ownerOf(request, context);
    const admitted = await this.admission.admit<Seen, Entries>({
      context,
      body: request,
      object: { kind: 'Principal', id },
      mintedId: id,
      owner,
      isNewWork: true,
      look: async (certain) => {
        if (certain) await this.reads.upToPresent();
        return { standing: await this.standing.relied(context.caller, certain), taken: await this.heads.taken(owner.org, request) };
      },
      decide: (seen, admission) => this.decide(request, seen, admission, context),
      read: (principalId) => this.heads.presentOrPast('Principal', principalId),
    });
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(viewOfPrincipal(subject, revision), { ...admitted, location: `/api/v1/principals/${subject.id}` });
  }

  async get(id: string, query: ReadQuery): Promise<Answer<PrincipalView>> {
    const revision = await this.reads.upTo(query);
    const found = await this.heads.known('Principal', id);
    return readAnswer(viewOfPrincipal(found, Math.max(revision, found.spec.revision)), found.spec);
  }

  async list(query: ListPrincipalsQuery, { caller }: RequestContext): Promise<Page<PrincipalView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const found = this.heads.all('Principal').filter(({ spec: { value } }) => isVisible(caller, value) && (query.org === undefined || value.org === query.org));
    return pageOfObjects(found, page, revision, (entries) => viewOfPrincipal(entries, revision));
  }

  private decide(request: CreatePrincipal, { standing, taken }: Seen, admission: AdmissionContext, { caller }: RequestContext): Proposal<Entries> {
    const { name, type, roles = [], scopes = [], projects, external } = request;
    const spec = admitPrincipal({ name, type, roles, scopes, ...(projects && { projects }), ...(external && { external }) }, admission);
    // First of all: whoever may not give access there is told nothing of who is there.
    orRefuse(refusalToGrant(caller, grantOf(spec)) ?? refusalOfPrincipal(spec));
    const decision = this.belonging.naming(spec.org, projects, principalCreation(spec, standing));
    if (taken !== undefined) throw nameTaken(taken, spec);
    return { decision, after: (revision) => ({ id: spec.id, spec: { value: spec, revision } }) };
  }
}

function ownerOf({ org, projects }: CreatePrincipal, { caller }: RequestContext): Owner {
  return { org: org ?? ownerFor(caller).org, project: projects?.[0] ?? defaultProject };
}

function orRefuse(refusal: Refusal | undefined): void {
  if (refusal) throw problemOfRefusal(refusal);
}

/** Whose the external identity is already is nobody's business: it may be in another organisation. */
export function nameTaken(taken: 'name' | 'external', { name }: Pick<PrincipalSpec, 'name'>): ApiProblem {
  const detail = taken === 'name' ? `a principal named ${name} exists already` : 'a principal with this external identity exists already';
  return new ApiProblem('principal_exists', detail, { members: { field: taken } });
}
