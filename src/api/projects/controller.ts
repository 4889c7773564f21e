import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import { belongingProblems } from '../belonging';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import type { ChangeTenantQuery } from '../orgs/schemas';
import { changeTenantQuery } from '../orgs/schemas';
import { Projects } from './projects';
import type { ChangedProjectView, CreateProject, ListProjectsQuery, PatchProject, ProjectView } from './schemas';
import { changedProjectView, createProject, listProjectsQuery, patchProject, projectPage, projectView } from './schemas';
import { ProjectViews } from './view';

/** `/api/v1/projects`: parts of orgs. */
@ApiTags('projects')
@Controller('api/v1/projects')
export class ProjectsController {
  constructor(
    @Inject(Projects) private readonly projects: Projects,
    @Inject(ProjectViews) private readonly views: ProjectViews,
  ) {}

  @Post()
  @Mutates({ scope: 'projects:write', summary: 'Create a project of an org', status: 201, answer: projectView, newWork: true, problems: ['project_exists', ...belongingProblems] })
  async create(@Body({ schema: createProject }) request: CreateProject, @Context() context: RequestContext): Promise<Answer<ProjectView>> {
    return this.views.answer(await this.projects.create(request, context));
  }

  @Get()
  @ReadsOnly({ scope: 'projects:read', summary: 'List projects, oldest first; the project `default` of each org is there without being listed', answer: projectPage, consistency: 'eventual' })
  list(@Query({ schema: listProjectsQuery }) query: ListProjectsQuery, @Context() context: RequestContext): Promise<Page<ProjectView>> {
    return this.views.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'projects:read', of: 'Project', summary: 'Show a project', answer: projectView, consistency: 'read-your-writes', problems: ['project_not_found'] })
  get(@Param('id', { schema: objectId }) id: string, @Query({ schema: readQuery }) query: ReadQuery): Promise<Answer<ProjectView>> {
    return this.views.get(id, query);
  }

  @Patch(':id')
  @ApiConsumes('application/merge-patch+json', 'application/json')
  @Mutates({
    scope: 'projects:write',
    of: 'Project',
    summary: 'Rename it, or bound what it may hold (JSON merge patch), or see what that would change',
    description: 'Its quota is for whoever has the scope quotas:write.',
    status: 200,
    answer: changedProjectView,
    ifMatch: true,
    takesBody: true,
    problems: ['project_not_found', 'project_exists'],
  })
  async patch(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: patchProject }) patch: PatchProject,
    @Query({ schema: changeTenantQuery }) query: ChangeTenantQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedProjectView>> {
    return this.views.answerChange(await this.projects.patch(id, patch, query.dryRun ?? false, context));
  }

  @Delete(':id')
  @Mutates({
    scope: 'projects:write',
    of: 'Project',
    summary: 'Delete it once it is proven to be empty',
    description: 'It is closed first, so that nothing new comes into it; while something is in it, it is opened again and told what that is. Answers the project as it last was.',
    status: 200,
    answer: projectView,
    ifMatch: true,
    problems: ['project_not_found', 'project_not_empty'],
  })
  async delete(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<ProjectView>> {
    return this.views.answer(await this.projects.remove(id, context));
  }
}
