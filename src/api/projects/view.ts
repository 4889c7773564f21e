import { Inject, Injectable } from '@nestjs/common';
import type { ProjectSpec } from '../../domain/tenancy';
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
import type { ChangedProjectView, ListProjectsQuery, ProjectView } from './schemas';
import type { TenantEntries } from '../orgs/tenant-heads';
import { TenantHeads } from '../orgs/tenant-heads';

type ProjectEntries = TenantEntries<ProjectSpec>;

/** Shows projects. */
@Injectable()
export class ProjectViews {
  constructor(
    @Inject(Reads) private readonly reads: Reads,
    @Inject(TenantHeads) private readonly heads: TenantHeads,
  ) {}

  async get(id: string, query: ReadQuery): Promise<Answer<ProjectView>> {
    const revision = await this.reads.upTo(query);
    const found = await this.heads.known('Project', id);
    return readAnswer(viewOf(found, Math.max(revision, found.spec.revision)), found.spec);
  }

  async list(query: ListProjectsQuery, { caller }: RequestContext): Promise<Page<ProjectView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const found = this.heads.visible('Project', caller, { org: query.org }).filter(({ spec }) => query.name === undefined || spec.value.name === query.name);
    return pageOfObjects(found, page, revision, (entries) => viewOf(entries, revision));
  }

  answer(admitted: Admitted<ProjectEntries>): Answer<ProjectView> {
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(viewOf(subject, revision), { ...admitted, location: `/api/v1/projects/${subject.id}` });
  }

  answerChange(changed: Changed<ProjectEntries>): Answer<ChangedProjectView> {
    const { changes, dryRun } = changed;
    return withChanges(this.answer(changed), { changes, dryRun });
  }
}

function viewOf({ spec }: ProjectEntries, revision: number): ProjectView {
  const { name, displayName, closing, quota } = spec.value;
  return { ...headerView(spec, { resourceVersion: spec.revision, revision }), spec: { name, displayName, closing, quota } };
}
