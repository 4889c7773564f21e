import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { PrincipalSpec } from '../../domain/principal';
import type { HeadEntries } from '../access/heads';
import { belongingProblems } from '../belonging';
import type { Admitted } from '../http/admission';
import type { Answer } from '../http/answer';
import { mutationAnswer } from '../http/answers';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import { PrincipalChanges } from './change-principal';
import { Principals } from './principals';
import type { CreatePrincipal, ListPrincipalsQuery, PatchPrincipal, PrincipalView } from './schemas';
import { createPrincipal, listPrincipalsQuery, patchPrincipal, principalPage, principalView } from './schemas';
import { viewOfPrincipal } from './view';

/** `/api/v1/principals`: people and programs that may ask, and what for. */
@ApiTags('principals')
@Controller('api/v1/principals')
export class PrincipalsController {
  constructor(
    @Inject(Principals) private readonly principals: Principals,
    @Inject(PrincipalChanges) private readonly changes: PrincipalChanges,
  ) {}

  @Post()
  @Mutates({
    scope: 'principals:write',
    summary: 'Make a principal',
    description: 'Nobody gives more than he has himself. Its external identity is for whoever has the scope principals:link.',
    status: 201,
    answer: principalView,
    newWork: true,
    problems: ['principal_exists', ...belongingProblems],
  })
  create(@Body({ schema: createPrincipal }) request: CreatePrincipal, @Context() context: RequestContext): Promise<Answer<PrincipalView>> {
    return this.principals.create(request, context);
  }

  @Get()
  @ReadsOnly({ scope: 'principals:read', summary: 'List principals, oldest first', answer: principalPage, consistency: 'eventual' })
  list(@Query({ schema: listPrincipalsQuery }) query: ListPrincipalsQuery, @Context() context: RequestContext): Promise<Page<PrincipalView>> {
    return this.principals.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'principals:read', of: 'Principal', summary: 'Show a principal', answer: principalView, consistency: 'read-your-writes', problems: ['principal_not_found'] })
  get(@Param('id', { schema: objectId }) id: string, @Query({ schema: readQuery }) query: ReadQuery): Promise<Answer<PrincipalView>> {
    return this.principals.get(id, query);
  }

  @Patch(':id')
  @Mutates({
    scope: 'principals:write',
    of: 'Principal',
    summary: 'Change what a principal may do, or disable it',
    description: 'A JSON merge patch. Taking away is free; anything else takes as much as the principal then has, and an external identity the scope principals:link.',
    status: 200,
    answer: principalView,
    ifMatch: true,
    takesBody: true,
    problems: ['principal_not_found', 'principal_exists', 'invalid_transition', ...belongingProblems],
  })
  async patch(@Param('id', { schema: objectId }) id: string, @Body({ schema: patchPrincipal }) body: PatchPrincipal, @Context() context: RequestContext): Promise<Answer<PrincipalView>> {
    return answer(await this.changes.patch(id, body, context));
  }

  @Delete(':id')
  @Mutates({
    scope: 'principals:write',
    of: 'Principal',
    summary: 'Delete a principal and all its tokens',
    description: 'It gets in no more from this moment on. If it is interrupted, asking again goes on where it ended.',
    status: 200,
    answer: principalView,
    ifMatch: true,
    problems: ['principal_not_found', 'revision_unknown', 'projection_timeout'],
  })
  async delete(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<PrincipalView>> {
    return answer(await this.changes.delete(id, context));
  }
}

function answer(admitted: Admitted<HeadEntries<PrincipalSpec>>): Answer<PrincipalView> {
  const { subject, revision = subject.spec.revision } = admitted;
  return mutationAnswer(viewOfPrincipal(subject, revision), admitted);
}
