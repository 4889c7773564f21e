import { Body, Controller, Delete, Get, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { DefinitionBody } from '../../domain/definition';
import { belongingProblems } from '../belonging';
import type { Answer } from '../http/answer';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ProblemCode } from '../http/problem';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import { DefinitionActs } from './act-on-definition';
import type { CreateDefinitionQuery, DefinitionVersions, DefinitionVersionsQuery, DefinitionView, ListDefinitionsQuery } from './api-schemas';
import {
  createDefinition,
  definitionName,
  definitionPage,
  createDefinitionQuery,
  definitionVersions,
  definitionVersionsQuery,
  definitionView,
  listDefinitionsQuery,
} from './api-schemas';
import { DefinitionCreation } from './create-definition';
import { Definitions } from './definitions';
import { DefinitionSync } from './sync-definition';
const artifactProblems: readonly ProblemCode[] = ['artifact_not_found', 'artifact_outside', 'artifact_too_large', 'artifact_hash_mismatch', 'artifact_invalid'];

/** `/api/v1/definitions`: immutable versions of what instances are made from. */
@ApiTags('definitions')
@Controller('api/v1/definitions')
export class DefinitionsController {
  constructor(
    @Inject(Definitions) private readonly definitions: Definitions,
    @Inject(DefinitionCreation) private readonly creation: DefinitionCreation,
    @Inject(DefinitionActs) private readonly acts: DefinitionActs,
    @Inject(DefinitionSync) private readonly artifacts: DefinitionSync,
  ) {}

  @Post()
  @ApiConsumes('application/json', 'application/yaml')
  @Mutates({
    scope: 'definitions:write',
    summary: 'Register a definition version',
    status: 201,
    answer: definitionView,
    newWork: true,
    problems: ['invalid_document', 'version_exists', ...belongingProblems, 'quota_exceeded', ...artifactProblems],
  })
  async create(
    @Body({ schema: createDefinition }) body: DefinitionBody,
    @Query({ schema: createDefinitionQuery }) owner: CreateDefinitionQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<DefinitionView>> {
    return this.definitions.answer(await this.creation.create(body, owner, context));
  }

  @Get()
  @ReadsOnly({ scope: 'definitions:read', summary: 'List definition versions, oldest first', answer: definitionPage, consistency: 'eventual' })
  list(@Query({ schema: listDefinitionsQuery }) query: ListDefinitionsQuery, @Context() context: RequestContext): Promise<Page<DefinitionView>> {
    return this.definitions.list(query, context);
  }

  @Get('by-name/:name/versions')
  @ReadsOnly({ scope: 'definitions:read', summary: 'List all versions of one name, the highest first', answer: definitionVersions, consistency: 'eventual' })
  versions(
    @Param('name', { schema: definitionName }) name: string,
    @Query({ schema: definitionVersionsQuery }) query: DefinitionVersionsQuery,
    @Context() context: RequestContext,
  ): Promise<DefinitionVersions> {
    return this.definitions.versions(name, query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'definitions:read', of: 'Definition', summary: 'Show a definition version with its document', answer: definitionView, consistency: 'read-your-writes', problems: ['definition_not_found'] })
  get(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: readQuery }) query: ReadQuery,
  ): Promise<Answer<DefinitionView>> {
    return this.definitions.get(id, query);
  }

  @Post(':id/sync')
  @Mutates({
    scope: 'definitions:write',
    of: 'Definition',
    summary: 'Fetch its artifact again: what is another file by now is proposed as the next version',
    description: 'A version never changes. `artifact_changed` carries the hashes, and as `proposal` the document that registers the next version.',
    status: 200,
    answer: definitionView,
    ifMatch: true,
    problems: ['definition_not_found', 'invalid_transition', 'artifact_changed', ...artifactProblems],
  })
  async sync(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<DefinitionView>> {
    return this.definitions.answer(await this.artifacts.sync(id, context));
  }

  @Post(':id/deprecate')
  @Mutates({
    scope: 'definitions:write',
    of: 'Definition',
    summary: 'Take no new instances; those that are there go on',
    status: 200,
    answer: definitionView,
    ifMatch: true,
    problems: ['definition_not_found', 'invalid_transition'],
  })
  async deprecate(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<DefinitionView>> {
    return this.definitions.answer(await this.acts.act('deprecate', id, context));
  }

  @Delete(':id')
  @Mutates({
    scope: 'definitions:write',
    of: 'Definition',
    summary: 'Delete a deprecated version that no instance uses; its name and version are never given again',
    status: 200,
    answer: definitionView,
    ifMatch: true,
    problems: ['definition_not_found', 'invalid_transition', 'definition_in_use'],
  })
  async delete(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<DefinitionView>> {
    return this.definitions.answer(await this.acts.act('delete', id, context));
  }
}
