import { Inject, Injectable } from '@nestjs/common';
import type { OrgSpec } from '../../domain/tenancy';
import type { Changed } from '../history/spec-changes';
import type { Admitted } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer, readAnswer, withChanges } from '../http/answers';
import type { RequestContext } from '../http/context';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { Reads } from '../http/reads';
import { headerView } from '../http/views';
import type { ChangedOrgView, ListOrgsQuery, OrgView } from './schemas';
import type { TenantEntries } from './tenant-heads';
import { TenantHeads } from './tenant-heads';

type OrgEntries = TenantEntries<OrgSpec>;

/** Shows orgs. */
@Injectable()
export class OrgViews {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(TenantHeads) private readonly heads: TenantHeads,
  ) {}

  async get(id: string, query: ReadQuery): Promise<Answer<OrgView>> {
    const revision = await this.reads.upTo(query);
    const found = await this.heads.known('Org', id);
    return readAnswer(viewOf(found, Math.max(revision, found.spec.revision)), found.spec);
  }

  async list(query: ListOrgsQuery, { caller }: RequestContext): Promise<Page<OrgView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const found = this.heads.visible('Org', caller, {}).filter(({ spec }) => query.name === undefined || spec.value.name === query.name);
    return pageOfObjects(found, page, revision, (entries) => viewOf(entries, revision));
  }

  answer(admitted: Admitted<OrgEntries>): Answer<OrgView> {
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(viewOf(subject, revision), { ...admitted, location: `/api/v1/orgs/${subject.id}` });
  }

  answerChange(changed: Changed<OrgEntries>): Answer<ChangedOrgView> {
    const { changes, dryRun } = changed;
    return withChanges(this.answer(changed), { changes, dryRun });
  }
}

function viewOf({ spec }: OrgEntries, revision: number): OrgView {
  const { name, displayName, suspended, closing, quota } = spec.value;
  return { ...headerView(spec, { resourceVersion: spec.revision, revision }), spec: { name, displayName, suspended, closing, quota } };
}
