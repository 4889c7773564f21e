import { Body, Controller, Delete, Get, Inject, Param, Post, Query, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Answer } from '../http/answer';
import { mutationAnswer } from '../http/answers';
import { NoBody } from '../http/body';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { Mutates, ReadsOnly } from '../http/docs';
import type { Page } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { objectId, readQuery } from '../http/queries';
import type { NewToken } from './change-token';
import { TokenChanges } from './change-token';
import type { CreateToken, ListTokensQuery, NewTokenView, RotateTokenQuery, TokenView } from './schemas';
import { createToken, listTokensQuery, newTokenView, rotateTokenQuery, tokenPage, tokenView } from './schemas';
import { Tokens } from './tokens';

const own = "Everybody's own; those of others with principals:write.";

/** `/api/v1/tokens`: what principals get in with. */
@ApiTags('tokens')
@Controller('api/v1/tokens')
export class TokensController {
  constructor(
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(TokenChanges) private readonly changes: TokenChanges,
  ) {}

  @Post()
  @Mutates({
    scope: 'tokens:write',
    summary: 'Make a token, whose secret is shown once',
    description: 'For oneself, or with principals:write for somebody who may do no more than the caller. A repetition under the same Idempotency-Key answers the token without its secret.',
    status: 201,
    answer: newTokenView,
    newWork: true,
    problems: ['principal_not_found', 'token_limit', 'invalid_transition', 'org_not_found', 'org_suspended', 'org_closing'],
  })
  async create(@Body({ schema: createToken }) request: CreateToken, @Context() context: RequestContext): Promise<Answer<NewTokenView>> {
    return this.answer(await this.changes.create(request, context));
  }

  @Get()
  @ReadsOnly({ scope: 'tokens:read', summary: 'List tokens, oldest first', description: own, answer: tokenPage, consistency: 'eventual' })
  list(@Query({ schema: listTokensQuery }) query: ListTokensQuery, @Context() context: RequestContext): Promise<Page<TokenView>> {
    return this.tokens.list(query, context);
  }

  @Get(':id')
  @ReadsOnly({ scope: 'tokens:read', of: 'Token', summary: 'Show a token', description: own, answer: tokenView, consistency: 'read-your-writes', problems: ['token_not_found'] })
  get(@Param('id', { schema: objectId }) id: string, @Query({ schema: readQuery }) query: ReadQuery, @Context() context: RequestContext): Promise<Answer<TokenView>> {
    return this.tokens.get(id, query, context);
  }

  @Post(':id/rotate')
  @UseGuards(NoBody)
  @Mutates({
    scope: 'tokens:write',
    of: 'Token',
    summary: 'Replace a token by a new one, while the old one stays good for a while',
    status: 201,
    answer: newTokenView,
    ifMatch: true,
    problems: ['token_not_found', 'principal_not_found', 'token_limit', 'invalid_transition', 'org_not_found', 'org_suspended', 'org_closing'],
  })
  async rotate(
    @Param('id', { schema: objectId }) id: string,
    @Query({ schema: rotateTokenQuery }) { overlap }: RotateTokenQuery,
    @Context() context: RequestContext,
  ): Promise<Answer<NewTokenView>> {
    return this.answer(await this.changes.rotate(id, overlap, context));
  }

  @Delete(':id')
  @Mutates({ scope: 'tokens:write', of: 'Token', summary: 'Revoke a token, at once and for good', description: own, status: 200, answer: tokenView, ifMatch: true, problems: ['token_not_found'] })
  async revoke(@Param('id', { schema: objectId }) id: string, @Context() context: RequestContext): Promise<Answer<TokenView>> {
    const admitted = await this.changes.revoke(id, context);
    const { subject, revision = subject.spec.revision } = admitted;
    return mutationAnswer(this.tokens.show(subject, revision), admitted);
  }

  private answer({ admitted, secret }: NewToken): Answer<NewTokenView> {
    const { subject, revision = subject.spec.revision } = admitted;
    const view = { ...this.tokens.show(subject, revision), secretShown: secret !== undefined, ...(secret !== undefined && { secret }) };
    return mutationAnswer(view, { ...admitted, location: `/api/v1/tokens/${subject.id}` });
  }
}
