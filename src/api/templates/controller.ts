import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { belongingProblems } from '../belonging';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import type { CreateTemplate, ListTemplatesQuery, TemplateView } from './schemas';
import { createTemplate, listTemplatesQuery, templatePage, templateView } from './schemas';
import { Templates } from './templates';

/** `/api/v1/worker-templates`: the sized classes that workers are made from. */
@ApiTags('worker templates')
@Controller('api/v1/worker-templates')
export class TemplatesController {
  constructor(@Inject(Templates) private readonly templates: Templates) {}

  @Post()
  @Mutates({ scope: 'templates:write', summary: 'Register a worker template', status: 201, answer: templateView, newWork: true, problems: ['template_exists', ...belongingProblems] })
  create(@Body({ schema: createTemplate }) request: CreateTemplate, @Context() context: RequestContext): Promise<Answer<TemplateView>> {
    return this.templates.create(request, context);
  }

  @Get()
  @ReadsOnly({ scope: 'templates:read', summary: 'List worker templates, oldest first', answer: templatePage, consistency: 'eventual' })
  list(@Query({ schema: listTemplatesQuery }) query: ListTemplatesQuery, @Context() context: RequestContext): Promise<Page<TemplateView>> {
    return this.templates.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'templates:read', of: 'WorkerTemplate', summary: 'Show a worker template', answer: templateView, consistency: 'read-your-writes', problems: ['template_not_found'] })
  get(@Param('id', { schema: objectId }) id: string, @Query({ schema: readQuery }) query: ReadQuery): Promise<Answer<TemplateView>> {
    return this.templates.get(id, query);
  }

  @Delete(':id')
  @Mutates({
    scope: 'templates:write',
    of: 'WorkerTemplate',
    summary: 'Delete a worker template; workers that were made from it stay as they are',
    status: 200,
    answer: templateView,
    ifMatch: true,
    problems: ['template_not_found'],
  })
  delete(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<TemplateView>> {
    return this.templates.delete(id, context);
  }
}
