import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { RequestContext } from '../http/context';
import { Context } from '../http/context';
import { ReadsOnly } from '../http/docs';
import { Quotas } from './quotas';
import type { QuotaDocument, QuotaQuery } from './schemas';
import { quotaQuery, quotaView } from './schemas';

/** `/api/v1/quota`: what an org or a project may hold at a time, and holds. */
@ApiTags('quota')
@Controller('api/v1/quota')
export class QuotaController {
  constructor(@Inject(Quotas) private readonly quotas: Quotas) {}

  @Get()
  @ReadsOnly({
    scope: 'quotas:read',
    summary: 'Show what the org, or a project of it, may hold, holds, and may still ask for',
    description: 'Whoever is confined to projects is shown the first of them where the request names none.',
    answer: quotaView,
    consistency: 'eventual',
    problems: ['org_not_found', 'project_not_found'],
  })
  show(@Query({ schema: quotaQuery }) query: QuotaQuery, @Context() context: RequestContext): Promise<QuotaDocument> {
    return this.quotas.show(query, context.caller);
  }
}
