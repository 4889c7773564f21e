import { Inject, Injectable } from '@nestjs/common';
import type { TokenSpec } from '../../domain/principal';
import type { HeadEntries } from '../access/heads';
import { AccessHeads } from '../access/heads';
import type { ApiDependencies } from '../dependencies';
import { apiDependencies } from '../dependencies';
import type { Answer } from '../http/answer';
import { readAnswer } from '../http/answers';
import type { RequestContext } from '../http/context';
import type { Page } from '../http/paging';
import { pageOfObjects, withCursor } from '../http/paging';
import type { ReadQuery } from '../http/queries';
import { Reads } from '../http/reads';
import type { ListTokensQuery, TokenView } from './schemas';
import { viewOfToken } from './view';

/** Shows tokens: everybody his own, and to who gives access those that he could give. */
@Injectable()
export class Tokens {
  constructor(
    @Inject(apiDependencies) private readonly dependencies: ApiDependencies,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(AccessHeads) private readonly heads: AccessHeads,
  ) {}

  async get(id: string, query: ReadQuery, { caller }: RequestContext): Promise<Answer<TokenView>> {
    const revision = await this.reads.upTo(query);
    const found = this.heads.requireConcern(caller, await this.heads.known('Token', id));
    return readAnswer(this.show(found, Math.max(revision, found.spec.revision)), found.spec);
  }

  async list(query: ListTokensQuery, { caller }: RequestContext): Promise<Page<TokenView>> {
    const page = withCursor(query);
    const revision = await this.reads.upTo(page);
    const found = this.heads.all('Token').filter(({ spec: { value } }) => this.heads.concerns(caller, value) && (query.principal === undefined || value.principal === query.principal));
    return pageOfObjects(found, page, revision, (entries) => this.show(entries, revision));
  }

  /** A token as it is shown, with its last use as far as this server has heard of it. */
  show(entries: HeadEntries<TokenSpec>, revision: number): TokenView {
    return viewOfToken(entries, this.dependencies.cache, revision);
  }
}
