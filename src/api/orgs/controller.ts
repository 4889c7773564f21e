import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import { Orgs } from './orgs';
import type { ChangedOrgView, ChangeTenantQuery, CreateOrg, ListOrgsQuery, OrgView, PatchOrg } from './schemas';
import { changedOrgView, changeTenantQuery, createOrg, listOrgsQuery, orgPage, orgView, patchOrg } from './schemas';
import { OrgViews } from './view';

/** `/api/v1/orgs`: tenants. */
@ApiTags('orgs')
@Controller('api/v1/orgs')
export class OrgsController {
  constructor(
    @Inject(Orgs) private readonly orgs: Orgs,
    @Inject(OrgViews) private readonly views: OrgViews,
  ) {}

  @Post()
  @Mutates({
    scope: 'orgs:write',
    summary: 'Create an org, for those who run Berth',
    description: 'One named `default` gives the org a head that is there from the beginning without.',
    status: 201,
    answer: orgView,
    newWork: true,
    problems: ['org_exists'],
  })
  async create(@Body({ schema: createOrg }) request: CreateOrg, @Context() context: RequestContext): Promise<Answer<OrgView>> {
    return this.views.answer(await this.orgs.create(request, context));
  }

  @Get()
  @ReadsOnly({ scope: 'orgs:read', summary: 'List orgs, oldest first: all of them for those who run Berth, else the own one', answer: orgPage, consistency: 'eventual' })
  list(@Query({ schema: listOrgsQuery }) query: ListOrgsQuery, @Context() context: RequestContext): Promise<Page<OrgView>> {
    return this.views.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'orgs:read', of: 'Org', summary: 'Show an org', answer: orgView, consistency: 'read-your-writes', problems: ['org_not_found'] })
  get(@Param('id', { schema: objectId }) id: string, @Query({ schema: readQuery }) query: ReadQuery): Promise<Answer<OrgView>> {
    return this.views.get(id, query);
  }

  @Patch(':id')
  @ApiConsumes('application/merge-patch+json', 'application/json')
  @Mutates({
    scope: 'orgs:write',
    of: 'Org',
    summary: 'Rename it, or bound what it may hold (JSON merge patch), or see what that would change',
    description: 'Its quota is for whoever has the scope quotas:write.',
    status: 200,
    answer: changedOrgView,
    ifMatch: true,
    takesBody: true,
    problems: ['org_not_found', 'org_exists', 'invalid_transition'],
  })
  async patch(
    @Param('id', { schema: objectId }) id: string,
    @Body({ schema: patchOrg }) patch: PatchOrg,
    @Query({ schema: changeTenantQuery }) query: ChangeTenantQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<ChangedOrgView>> {
    return this.views.answerChange(await this.orgs.patch(id, patch, query.dryRun ?? false, context));
  }

  @Post(':id/suspend')
  @Mutates({ scope: 'orgs:suspend', of: 'Org', summary: 'Let nobody of it in and nothing new into it; what runs, runs on', status: 200, answer: orgView, ifMatch: true, problems: ['org_not_found'] })
  async suspend(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<OrgView>> {
    return this.views.answer(await this.orgs.suspend(id, context));
  }

  @Post(':id/resume')
  @Mutates({
    scope: 'orgs:suspend',
    of: 'Org',
    summary: 'Take back its suspension, or a deletion that did not come to its end',
    status: 200,
    answer: orgView,
    ifMatch: true,
    problems: ['org_not_found'],
  })
  async resume(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<OrgView>> {
    return this.views.answer(await this.orgs.resume(id, context));
  }

  @Delete(':id')
  @Mutates({
    scope: 'orgs:write',
    of: 'Org',
    summary: 'Delete it once it is proven to be empty, for those who run Berth',
    description: 'It is closed first, so that nothing new comes into it; while something is in it, it is opened again and told what that is. Answers the org as it last was.',
    status: 200,
    answer: orgView,
    ifMatch: true,
    problems: ['org_not_found', 'org_not_empty', 'invalid_transition'],
  })
  async delete(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<OrgView>> {
    return this.views.answer(await this.orgs.remove(id, context));
  }
}
